import { describe, expect, it } from 'vitest';
import { checkConfig, loadConfig } from '../../../src/core/config/load.js';
import { describeProblem } from '../../../src/core/config/problem.js';
import { ConfigurationError } from '../../../src/core/errors.js';
import { temporaryFolder } from '../../fixtures/configuration.js';
import { verifies } from '../../verifies.js';

/** Each problem as one line: place, severity, code, message and hint. */
function problemsOf(text: string, env: Readonly<Record<string, string>> = {}): string[] {
  return checkConfig('c.yaml', text, env).problems.map(describeProblem);
}

const server = (settings: string) => `mcp_servers:\n  a:\n    url: "http://x/sse"\n    ${settings}\n`;

describe('each problem stands at its place, with what to do', () => {
  it.each([
    [
      'unknown key',
      server('prioritty: 1'),
      'c.yaml:4:5 error CFG104 unknown key "prioritty" in mcp_servers.a; did you mean "priority"?',
    ],
    [
      'unknown key of the file',
      'mcp_server: {}\nmcp_servers: { a: { url: "http://x" } }',
      'c.yaml:1:1 error CFG104 unknown key "mcp_server"; did you mean "mcp_servers"?',
    ],
    [
      'unknown key like no other',
      server('start: { command: x, zzz: 1 }'),
      'c.yaml:4:26 error CFG104 unknown key "zzz" in mcp_servers.a.start; known here: command, args, env, cwd, ready_timeout',
    ],
    [
      'text for a number',
      server('priority: "10"'),
      'c.yaml:4:15 error CFG105 priority must be a number, not a text; write 10 without quotes',
    ],
    [
      'text for a list',
      server('domains: products'),
      'c.yaml:4:14 error CFG105 domains must be a list, not a text; write [products]',
    ],
    [
      'priority 0',
      server('priority: 0'),
      'c.yaml:4:15 error CFG106 priority: must be at least 1 (the highest priority); use 1',
    ],
    [
      'priority 1000',
      server('priority: 1000'),
      'c.yaml:4:15 error CFG106 priority: must be at most 999 (the lowest priority); use 999',
    ],
    [
      'misspelt choice',
      server('transport: streamablehttp'),
      'c.yaml:4:16 error CFG106 transport cannot be "streamablehttp"; did you mean "streamable-http"? (one of: sse, streamable-http, stdio, auto)',
    ],
    [
      'another transport',
      server('transport: carrier-pigeon'),
      'c.yaml:4:16 error CFG106 transport cannot be "carrier-pigeon"; one of: sse, streamable-http, stdio, auto',
    ],
    [
      'timeout 0',
      server('timeout: 0'),
      'c.yaml:4:14 error CFG106 timeout: must be longer than 0; write a time such as 5s',
    ],
    [
      'no duration',
      server('timeout: soon'),
      'c.yaml:4:14 error CFG106 timeout: expected a duration: seconds as a number, or a text such as "250ms", "30s", "5m"',
    ],
    [
      'boolean for a duration',
      server('timeout: true'),
      'c.yaml:4:14 error CFG105 timeout: expected a duration: seconds as a number, or a text such as "250ms", "30s", "5m"',
    ],
    [
      'header with a line break',
      server(String.raw`headers: { A: "x\r\nEvil: 1" }`),
      'c.yaml:4:19 error CFG106 A: holds a character that no HTTP header may hold; remove the line break or control character',
    ],
    [
      'header name',
      server('headers: { "a b": x }'),
      'c.yaml:4:16 error CFG106 "a b" cannot be the name of a header; write it in letters, digits and -',
    ],
    [
      'bad URL',
      'mcp_servers:\n  a: { url: "localhost:8000" }',
      'c.yaml:2:13 error CFG108 url: expected an http:// or https:// URL; write http://localhost:8000',
    ],
    [
      'URL of another kind',
      'mcp_servers:\n  a: { url: "file:///etc/passwd" }',
      'c.yaml:2:13 error CFG108 url: expected an http:// or https:// URL; write it as http://host:port/path',
    ],
    [
      'missing start.command',
      server('start: { args: [x] }'),
      'c.yaml:4:5 error CFG107 "command" is missing in mcp_servers.a.start; add "command"',
    ],
    [
      'neither url nor command',
      'mcp_servers:\n  a: { priority: 1 }',
      'c.yaml:2:3 error CFG107 server "a" has neither url nor command; add "url" or "command"',
    ],
    [
      'stdio without a command',
      'mcp_servers:\n  a: { transport: stdio }',
      'c.yaml:2:3 error CFG107 server "a" has transport stdio and no command; add "command"',
    ],
    [
      'stdio with a url',
      'mcp_servers:\n  a: { command: x, url: "http://x" }',
      'c.yaml:2:25 error CFG113 a stdio server has no url; remove "url" or set another transport',
    ],
    [
      'stdio with a start block',
      'mcp_servers:\n  a: { command: x, start: { command: y } }',
      'c.yaml:2:20 error CFG113 a stdio server is started by its own command; remove "start"',
    ],
    [
      'sse at /mcp',
      'mcp_servers:\n  a: { url: "http://x/mcp", transport: sse }',
      'c.yaml:2:40 warning CFG113 a url that ends in /mcp is rarely an SSE endpoint; write transport: streamable-http, or a url that ends in /sse',
    ],
    [
      'the new protocol over sse',
      'mcp_servers:\n  a: { url: "http://x/e", transport: sse, protocol: 2026-07-28 }',
      'c.yaml:2:53 error CFG113 revision 2026-07-28 has no transport sse; remove "protocol", or write transport: streamable-http with the url of that endpoint',
    ],
    [
      'the new protocol at a url that means sse',
      'mcp_servers:\n  a: { url: "http://x/sse", protocol: 2026-07-28 }',
      'c.yaml:2:39 error CFG113 revision 2026-07-28 has no transport sse; remove "protocol", or write transport: streamable-http with the url of that endpoint',
    ],
    [
      'equal priorities in one domain',
      'mcp_servers:\n  a: { url: "http://x", priority: 5, domains: [p, q] }\n  b: { url: "http://y", priority: 5, domains: [q] }',
      'c.yaml:3:35 error CFG111 "b" and "a" both have priority 5 in domain "q"; give one of them another priority, so that it is clear who wins',
    ],
    [
      'equal priorities without a common domain',
      'mcp_servers:\n  a: { url: "http://x", priority: 5, domains: [p] }\n  b: { url: "http://y", priority: 5 }',
      'c.yaml:3:35 warning CFG112 "b" and "a" both have priority 5; ties go by id; give one another priority to decide it yourself',
    ],
    [
      'unset variable',
      server('headers: { A: "${GONE}" }'),
      'c.yaml:4:19 error CFG109 environment variable GONE is not set; set it, or write ${GONE:-default}',
    ],
    [
      'a reference in a form of shells that is not read',
      server('headers: { A: "${TOKEN-secret}" }'),
      'c.yaml:4:19 error CFG106 a "${" here begins no reference that can be read; write ${VARIABLE} or ${VARIABLE:-default}; $${ stands for a ${ that is meant as it is',
    ],
    [
      'a URL with an unreadable reference, which is not a bad URL as well',
      'mcp_servers:\n  a: { url: "${MY-HOST}" }',
      'c.yaml:2:13 error CFG106 a "${" here begins no reference that can be read; write ${VARIABLE} or ${VARIABLE:-default}; $${ stands for a ${ that is meant as it is',
    ],
    [
      'duplicate key',
      server('priority: 1\n    priority: 2'),
      'c.yaml:5:5 error CFG110 this key stands in the mapping already; remove or rename one of the two',
    ],
    [
      'tab',
      'mcp_servers:\n\ta: { url: "http://x" }',
      'c.yaml:2:1 error CFG103 tabs cannot indent in YAML; indent with spaces',
    ],
    [
      'no servers',
      'mcp_servers: {}',
      'c.yaml:1:1 error CFG114 no server is configured; add one below mcp_servers',
    ],
    [
      'no mcp_servers',
      'orchestration: { fail_fast: true }',
      'c.yaml:1:1 error CFG107 "mcp_servers" is missing; name the servers below "mcp_servers:"',
    ],
    [
      'a misspelt mcp_servers, which is not missing as well',
      'mcp_server: { a: { url: "http://x" } }',
      'c.yaml:1:1 error CFG104 unknown key "mcp_server"; did you mean "mcp_servers"?',
    ],
    [
      'an unset variable as a URL, which is not a bad URL as well',
      'mcp_servers:\n  a: { url: "${GONE}" }',
      'c.yaml:2:13 error CFG109 environment variable GONE is not set; set it, or write ${GONE:-default}',
    ],
    [
      'tabs on several lines',
      'mcp_servers:\n\ta:\n\t\turl: "http://x"\n\t\tpriority: 1\n',
      'c.yaml:2:1 error CFG103 tabs cannot indent in YAML; indent with spaces',
    ],
    [
      'an alias without its anchor',
      'mcp_servers:\n  a: { url: *x }',
      'c.yaml:2:13 error CFG103 no anchor &x stands before this alias; write the settings out, or put them below "defaults"',
    ],
    [
      'a merge key',
      'x-base: &b { url: "http://x" }\nmcp_servers:\n  a: { <<: *b, url: "http://y" }',
      'c.yaml:3:8 error CFG104 unknown key "<<" in mcp_servers.a; merge keys are not read; write the settings out, or put them below "defaults"',
    ],
    [
      'a priority that all share',
      'mcp_servers:\n  a: { url: "http://x" }\n  b: { url: "http://y" }\n  c: { url: "http://z" }',
      'c.yaml:3:3 warning CFG112 "b" and 1 more have the priority 100 of "a"; ties go by id; give one another priority to decide it yourself',
    ],
    [
      'a boolean in words',
      server('required: yes'),
      'c.yaml:4:15 error CFG105 required must be true or false, not a text; write true',
    ],
    [
      'empty file',
      '',
      'c.yaml:1:1 error CFG105 the file must be a mapping, not empty; name the servers below "mcp_servers:", or run `mcpx init` for a starter file',
    ],
    [
      'only comments',
      '# nothing\n',
      'c.yaml:1:1 error CFG105 the file must be a mapping, not empty; name the servers below "mcp_servers:", or run `mcpx init` for a starter file',
    ],
    [
      'a list',
      '- a\n- b\n',
      'c.yaml:1:1 error CFG105 the file must be a mapping, not a list; name the servers below "mcp_servers:", or run `mcpx init` for a starter file',
    ],
    [
      'a server that is null',
      'mcp_servers:\n  a:\n',
      'c.yaml:2:5 error CFG105 a must be a mapping, not empty; write its settings below, as in url: http://localhost:8000/sse',
    ],
    [
      'two documents',
      'a: 1\n---\nb: 2\n',
      'c.yaml:2:1 error CFG103 a second document begins here; a configuration is one document: remove the --- and what follows it',
    ],
  ])('%s', (_, text, expected) => {
    const lines = problemsOf(text);
    expect(lines).toContain(expected);
    expect(lines.filter((line) => line.includes(' error '))).toHaveLength(
      expected.includes(' error ') ? 1 : 0,
    );
  });

  it('the new protocol over stdio is none', () => {
    expect(problemsOf('mcp_servers:\n  a: { command: x, protocol: 2026-07-28 }')).toEqual([]);
  });

  it.each([
    ['unclosed bracket', 'mcp_servers: { a: { url: "http://x" }\n', /^c\.yaml:\d+:\d+ error CFG103 /],
    [
      'unclosed quote',
      'mcp_servers: "a\n',
      /^c\.yaml:\d+:\d+ error CFG103 this " is never closed; write " where it ends/,
    ],
    ['broken JSON', '{ "mcp_servers": { "a": } ', /^c\.yaml:1:\d+ error CFG103 /],
    ['bad indentation', 'mcp_servers:\n    a:\n  b:\n      url: x\n - c\n', /^c\.yaml:\d:\d error CFG103 /],
  ])('broken syntax: %s', (_, text, expected) => {
    const { config, problems } = checkConfig('c.yaml', text, {});
    expect(config).toBeUndefined();
    expect(problems.map(describeProblem)[0]).toMatch(expected);
    // One line each, without the excerpt that the library would draw.
    expect(problems.every(({ message }) => !message.includes('\n'))).toBe(true);
  });
});

describe('a file as a whole', () => {
  const BROKEN = [
    'mcp_servers:',
    '  a:',
    '    url: "ftp://x"',
    '    priority: 0',
    '    domain: [x]',
    '    headers: { A: "${GONE}" }',
    '  b: { url: "http://y", timeout: never }',
    'orchestration: { fail_fast: "yes", log_level: LOUD }',
  ].join('\n');

  verifies('config:validation', 'all problems are told in one run, in order of place', async () => {
    expect(
      checkConfig('c.yaml', BROKEN, {}).problems.map(({ code, path, range, severity, file, hint }) => [
        range.start.line,
        range.start.column,
        code,
        path,
        severity,
        file,
        hint !== undefined,
      ]),
    ).toEqual([
      [3, 10, 'CFG108', 'mcp_servers.a.url', 'error', 'c.yaml', true],
      [4, 15, 'CFG106', 'mcp_servers.a.priority', 'error', 'c.yaml', true],
      [5, 5, 'CFG104', 'mcp_servers.a.domain', 'error', 'c.yaml', true],
      [6, 19, 'CFG109', 'mcp_servers.a.headers.A', 'error', 'c.yaml', true],
      [7, 34, 'CFG106', 'mcp_servers.b.timeout', 'error', 'c.yaml', false],
      [8, 29, 'CFG105', 'orchestration.fail_fast', 'error', 'c.yaml', true],
      [8, 47, 'CFG106', 'orchestration.log_level', 'error', 'c.yaml', true],
    ]);
    using folder = temporaryFolder();
    const file = folder.write('broken.yaml', BROKEN);
    const error: unknown = await loadConfig(file, {}).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(ConfigurationError);
    expect(error).toMatchObject({ code: 'CFG108', exitCode: 3 });
    expect((error as ConfigurationError).message).toBe(`${file} is not a valid configuration (and 6 more)`);
    expect((error as ConfigurationError).context['problems']).toHaveLength(7);
  });

  it('warnings alone do not refuse it', async () => {
    using folder = temporaryFolder();
    const file = folder.write('c.yaml', 'mcp_servers:\n  a: { url: "http://x" }\n  b: { url: "http://y" }\n');
    await expect(loadConfig(file, {})).resolves.toMatchObject({ servers: [{ id: 'a' }, { id: 'b' }] });
  });

  it.each([
    ['that is missing', 'gone.yaml', undefined, 'CFG101', 'does not exist'],
    ['below a file', 'file/gone.yaml', undefined, 'CFG101', 'does not exist'],
    ['that is a folder', '.', undefined, 'CFG102', 'cannot be read'],
    ['that is no UTF-8', 'latin1.yaml', Buffer.from('name: caf\u00e9', 'latin1'), 'CFG102', 'is not UTF-8'],
    ['in UTF-16', 'utf16.yaml', Buffer.from('\uFEFFa: 1', 'utf16le'), 'CFG102', 'is not UTF-8'],
    ['of a binary', 'binary.yaml', Buffer.from([0, 1, 2, 255, 254]), 'CFG102', 'is not UTF-8'],
    ['of two megabytes', 'large.yaml', Buffer.alloc(2_000_000, '#'), 'CFG102', 'is larger than'],
  ])('a file %s is refused', async (_, name, content, code, message) => {
    using folder = temporaryFolder();
    folder.write('file', '');
    if (content !== undefined) folder.write(name, content);
    const file = `${folder.path}/${name}`;
    const error = (await loadConfig(file, {}).catch((caught: unknown) => caught)) as ConfigurationError;
    expect(error).toBeInstanceOf(ConfigurationError);
    expect(error.code).toBe(code);
    expect(error.message).toContain(message);
    expect(error.message).toContain(file);
    expect(error.hint).toBeDefined();
    expect(error.exitCode).toBe(3);
  });

  it('an endless device is read no further than a configuration can be', async () => {
    await expect(loadConfig('/dev/zero', {})).rejects.toMatchObject({ code: 'CFG102' });
  });
});
