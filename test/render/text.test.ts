import { describe, expect, it } from 'vitest';
import { ConfigurationError, MCPConnectionError } from '../../src/core/errors.js';
import { renderFailure, renderFailureJson } from '../../src/render/failure.js';
import { renderTable, type Column } from '../../src/render/table.js';
import { columnsOf, cut, escapeControls, plain } from '../../src/render/terminal.js';
import { humanBytes, humanMs } from '../../src/render/units.js';
import { withoutColor } from '../fixtures/io.js';

describe('text from outside', () => {
  it.each([
    ['plain text', 'plain text'],
    ['\u001b[31mred\u001b[0m', 'red'],
    ['\u009b2Jcleared', 'cleared'],
    ['\u001b]0;title\u0007after', 'after'],
    ['\u001b]8;;https://evil.example\u001b\\link\u001b]8;;\u001b\\', 'link'],
    ['\u001b]0;never ended', ''],
    ['a\r\nb\tc', 'a b c'],
    ['\u0000\u0007\u0008\u007f', ''],
    ['abc\u202etxt.exe', 'abctxt.exe'],
    ['\u2066x\u2069\u200e\u200f\u061c\ufeff', 'x'],
    ['\u001b\u001b[31mtwice', 'twice'],
    ['no\u200bthing\u2060 to\u00ad see\u{e0041}\u{e007f}', 'nothing to see'],
    ['👨\u200d👩\u200d👧 می\u200cخواهم', '👨\u200d👩\u200d👧 می\u200cخواهم'],
    ['Grüße, 世界 🎉', 'Grüße, 世界 🎉'],
  ])('%j is shown as %j', (text, expected) => {
    expect(plain(text)).toBe(expected);
  });

  it('long runs of escapes take no long time', () => {
    const started = performance.now();
    plain('\u001b]'.repeat(100_000));
    plain(`\u001b[${';'.repeat(1_000_000)}`);
    expect(performance.now() - started).toBeLessThan(2000);
  });

  it('is escaped in JSON, and reads back as what it was', () => {
    const value = { '\u009b31m': 'a\u202eb\u2028c\u007f\ufeff', Grüße: '世界' };
    const escaped = escapeControls(JSON.stringify(value));
    expect(escaped).toContain(String.raw`\u009b31m`);
    expect(escaped).toContain('Grüße');
    expect(JSON.parse(escaped)).toEqual(value);
  });

  it('is cut with an ellipsis where something is missing', () => {
    expect([cut('abc', 3), cut('abcd', 3), cut('abcd', 0)]).toEqual(['abc', 'ab…', '…']);
  });
});

describe('a table', () => {
  const columns: Column[] = [
    { title: 'NAME', least: 6 },
    { title: 'N', align: 'right' },
    { title: 'NOTE', least: 6, drop: 2 },
    { title: 'MORE', drop: 1 },
  ];
  const rows = [
    [{ text: 'a-rather-long-name' }, { text: '7' }, { text: 'a note of some length' }, { text: 'more' }],
    [{ text: 'b', ink: 'bold' as const }, { text: '1234' }, { text: '' }, { text: 'x' }],
  ];
  const lines = (width?: number) =>
    renderTable(columns, rows, { color: false, ...(width === undefined ? {} : { width }) })
      .trimEnd()
      .split('\n');

  it('is as wide as it needs to be where nobody says how wide', () => {
    expect(lines()).toEqual([
      'NAME                   N  NOTE                   MORE',
      'a-rather-long-name     7  a note of some length  more',
      'b                   1234                         x',
    ]);
  });

  it.each([50, 40, 30, 20, 14])('fits into %d columns: cells are cut first, then columns leave', (width) => {
    const shown = lines(width);
    expect(Math.max(...shown.map((line) => line.length))).toBeLessThanOrEqual(width);
    expect(shown[0]).toMatch(/^NAME +N/);
    expect([shown[0]?.includes('NOTE'), shown[0]?.includes('MORE')]).toEqual([width >= 30, width >= 20]);
    expect(shown[2]).toMatch(/^b +1234/);
    // Nothing leaves in silence.
    const hidden = ['NOTE', 'MORE'].filter((title) => shown[0]?.includes(title) !== true);
    const what = hidden.length === 1 ? '1 column' : `${hidden.length} columns`;
    const note = hidden.length === 0 ? '' : `${what} hidden (${hidden.join(', ')}); -o json has all`;
    expect(shown.slice(3).join(' ')).toBe(note);
  });

  it('colours change nothing but the colours', () => {
    const colored = renderTable(columns, rows, { color: true, width: 50 });
    expect(colored).toContain('\u001b[1mb\u001b[22m');
    expect(withoutColor(colored).replaceAll(/ +$/gm, '').trimEnd().split('\n')).toEqual(lines(50));
  });
});

describe('a text that is cut', () => {
  it.each([
    ['漢字漢字', 6, '漢字…'],
    ['漢字漢字', 8, '漢字漢字'],
    ['😀😀😀', 5, '😀😀…'],
    ['e\u0301e\u0301e\u0301', 3, 'e\u0301e\u0301e\u0301'],
    ['e\u0301e\u0301e\u0301', 2, 'e\u0301…'],
    ['plain', 4, 'pla…'],
  ])('%j fits into %d columns as %j', (text, columns, expected) => {
    expect(cut(text, columns)).toBe(expected);
    expect(columnsOf(cut(text, columns))).toBeLessThanOrEqual(columns);
  });

  it('leaves the columns of a table where they are', () => {
    const rows = ['漢字漢字漢字', '😀😀😀😀😀😀', 'e\u0301'.repeat(9), 'plain'].map((text) => [
      { text },
      { text: 'x' },
    ]);
    const columns = [{ title: 'A', least: 6 }, { title: 'B' }];
    for (const width of [undefined, 12, 10]) {
      const view = { color: false, ...(width === undefined ? {} : { width }) };
      const [head = '', ...lines] = renderTable(columns, rows, view).trimEnd().split('\n');
      expect(lines.map((line) => columnsOf(line))).toEqual(lines.map(() => columnsOf(head)));
    }
  });
});

describe('a failure', () => {
  const error = new MCPConnectionError('UPS202', 'a: \u001b[31mnothing listens', {
    context: {
      server: 'a',
      details: [
        { server: 'a', status: 'failed', code: 'UPS202', message: 'a: \u001b[31mnothing listens' },
        { server: 'b', status: 'failed', code: 'UPS219', message: 'stopped' },
        { server: 'c', status: 'failed', code: 'UPS201', message: 'c: too slow' },
        { server: 'd', status: 'ok' },
      ],
    },
    hint: 'Start it.',
    fix: 'mcpx init',
    cause: new Error('connect ECONNREFUSED'),
  });

  it('tells people what failed, why, who else, and what to do', () => {
    expect(renderFailure(error, { color: false })).toBe(
      [
        'error UPS202 connection_refused: a: nothing listens',
        '  cause: connect ECONNREFUSED',
        '  server: UPS201 c: too slow',
        '  hint:  Start it.',
        '  try:   mcpx init',
        '',
      ].join('\n'),
    );
    expect(renderFailure(error, { color: true })).toContain('\u001b[31merror\u001b[39m');
  });

  it('tells to try with the file and the deadline that were named, where the command takes them', () => {
    const fixOf = (fix: string, config?: string, code: 'CLI901' | 'UPS208' = 'CLI901') => {
      const failed = new ConfigurationError(code, 'no', { fix });
      const flags = [
        { name: '--deadline', values: ['1m'], isGlobal: true },
        { name: '--json', values: [], isGlobal: true },
        { name: '-c', values: [String(config)], isGlobal: true },
        { name: '--server', values: ['a'], isGlobal: false },
      ];
      const typed = config === undefined ? undefined : { command: 'read', operands: ['x://y'], flags };
      const json = JSON.parse(renderFailureJson(failed, 'op', typed)) as { error: { fix: string } };
      expect(renderFailure(failed, { color: false }, typed)).toContain(`try:   ${json.error.fix}\n`);
      return json.error.fix;
    };
    expect(fixOf('mcpx servers list')).toBe('mcpx servers list');
    expect(fixOf('mcpx servers list', 'a/b.yaml')).toBe('mcpx servers list -c a/b.yaml');
    expect(fixOf('mcpx gather --list-only', "it's mine.yaml")).toBe(
      'mcpx gather --list-only --deadline 1m -c "it\'s mine.yaml"',
    );
    expect(fixOf('mcpx validate-config --connect', 'b.yaml')).toBe(
      'mcpx validate-config --connect --deadline 1m -c b.yaml',
    );
    // It was too short already.
    expect(fixOf('mcpx validate-config --connect', 'b.yaml', 'UPS208')).toBe(
      'mcpx validate-config --connect -c b.yaml',
    );
    for (const fix of [
      'mcpx init',
      'mcpx explain',
      'npm install x',
      'mcpx validate-config --metadata m.json',
    ]) {
      expect(fixOf(fix, 'b.yaml')).toBe(fix);
    }
  });

  it('is one line of JSON for programs', () => {
    const line = renderFailureJson(error, 'op-1');
    expect(line.endsWith('}}\n')).toBe(true);
    expect(JSON.parse(line)).toMatchObject({
      error: {
        code: 'UPS202',
        name: 'connection_refused',
        server: 'a',
        exit_code: 4,
        operation_id: 'op-1',
        causes: ['connect ECONNREFUSED'],
        details: [{ server: 'a' }, { server: 'b' }, { server: 'c' }, { server: 'd' }],
      },
    });
    const bare = JSON.parse(renderFailureJson(new ConfigurationError('CLI901', 'no'), 'op-2')) as object;
    expect(bare).toEqual({
      error: {
        code: 'CLI901',
        name: 'usage',
        message: 'no',
        exit_code: 2,
        causes: [],
        operation_id: 'op-2',
      },
    });
  });
});

it.each([
  [0, '0 B'],
  [999, '999 B'],
  [1000, '1.0 kB'],
  [1234, '1.2 kB'],
  [64_000_000, '64 MB'],
  [5e12, '5000 GB'],
])('%d bytes are %s', (bytes, expected) => {
  expect(humanBytes(bytes)).toBe(expected);
});

it.each([
  [0.4, '0 ms'],
  [999, '999 ms'],
  [1200, '1.2 s'],
  [65_000, '1 m 05 s'],
])('%d ms are %s', (ms, expected) => {
  expect(humanMs(ms)).toBe(expected);
});
