import { expect, it } from 'vitest';
import { createLogger, type LoggerOptions } from '../../../src/core/logging/logger.js';
import { createOperation, withSignal } from '../../../src/core/operation.js';

function logger(options: Partial<LoggerOptions> = {}) {
  const lines: string[] = [];
  return {
    lines,
    logger: createLogger({
      level: 'debug',
      format: 'json',
      write: (line) => lines.push(line),
      now: () => Date.UTC(2026, 0, 2, 3, 4, 5, 678),
      ...options,
    }),
  };
}

it('writes an event a line, as JSON for programs', () => {
  const { lines, logger: log } = logger();
  log.log('info', 'server.gathered', { server: 'a', resources: 3, nothing: undefined });
  expect(lines).toEqual([
    '{"time":"2026-01-02T03:04:05.678Z","level":"info","event":"server.gathered","server":"a","resources":3}\n',
  ]);
});

it('writes an event a line, as text for people', () => {
  const { lines, logger: log } = logger({ format: 'text' });
  log.log('warn', 'server.failed', { server: 'a b', ms: 3, ok: false, nothing: undefined });
  expect(lines).toEqual(['03:04:05.678 warn  server.failed server="a b" ms=3 ok=false\n']);
});

it.each([
  ['debug', 4],
  ['info', 3],
  ['warn', 2],
  ['error', 1],
] as const)('level %s writes itself and all above', (level, count) => {
  const { lines, logger: log } = logger({ level });
  for (const each of ['debug', 'info', 'warn', 'error'] as const) log.log(each, 'event');
  expect(lines).toHaveLength(count);
});

it.each(['json', 'text'] as const)('%s lines hold neither secrets nor what drives a terminal', (format) => {
  const { lines, logger: log } = logger({ format, redact: (text) => text.replaceAll('hunter2', '***') });
  log.log('info', 'event', { said: 'hunter2 \u001b[2J\u009b31m\u202etxt\r\nfake line' });
  expect(lines[0]).toContain('***');
  // eslint-disable-next-line no-control-regex -- control characters are what must not be there
  expect(lines[0]?.slice(0, -1)).not.toMatch(/hunter2|[\u0000-\u001f\u007f-\u009f\u202e]/);
});

it.each(['json', 'text'] as const)(
  '%s lines lose secrets in values only, however short they are',
  (format) => {
    const { lines, logger: log } = logger({
      format,
      redact: (text) =>
        ['server', 'time', 'say "x"', 'id-1'].reduce((rest, one) => rest.replaceAll(one, '***'), text),
    });
    const at = { server: 'the server', list: ['time', { time: 'say "x"' }], count: 3 };
    log.log('info', 'server.timed', { operation_id: 'id-1', servers: 2, at });
    if (format === 'json') {
      expect(JSON.parse(lines[0] ?? '')).toEqual({
        time: '2026-01-02T03:04:05.678Z',
        level: 'info',
        event: 'server.timed',
        operation_id: 'id-1',
        servers: 2,
        at: { server: 'the ***', list: ['***', { time: '***' }], count: 3 },
      });
    } else {
      expect(lines[0]).toBe(
        '03:04:05.678 info  server.timed operation_id="id-1" servers=2 at={"server":"the ***","list":["***",{"time":"***"}],"count":3}\n',
      );
    }
  },
);

it('leaves out what JSON has no word for, and writes odd values as JSON does', () => {
  const fields = {
    none: undefined,
    call: () => 1,
    nan: Number.NaN,
    minus: -0,
    nil: null,
    yes: true,
    '"': '\\"',
  };
  const { lines, logger: json } = logger();
  json.log('info', 'event', fields);
  expect(JSON.parse(lines[0] ?? '')).toEqual({
    time: '2026-01-02T03:04:05.678Z',
    level: 'info',
    event: 'event',
    ...(JSON.parse(JSON.stringify(fields)) as object),
  });
  const { lines: texts, logger: text } = logger({ format: 'text' });
  text.log('info', 'event', fields);
  expect(texts).toEqual(['03:04:05.678 info  event nan=null minus=0 nil=null yes=true "="\\\\\\""\n']);
});

it('an operation puts its id into every event, under another signal too', () => {
  const { lines, logger: log } = logger();
  const op = createOperation({ id: 'op-1', logger: log });
  op.log('first');
  withSignal(op, AbortSignal.abort()).log('second', { x: 1 }, 'error');
  expect(lines.map((line) => JSON.parse(line) as unknown)).toMatchObject([
    { event: 'first', operation_id: 'op-1', level: 'info' },
    { event: 'second', operation_id: 'op-1', level: 'error', x: 1 },
  ]);
  expect(createOperation().id).not.toBe(createOperation().id);
});
