import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { openTarget, type NewServer } from '../../../src/core/config/import-write.js';

const added: NewServer = {
  id: 'new',
  entry: { command: 'npx', args: ['-y', 'a: b'], env: { T: '${T}' }, priority: 100, domains: [] },
  comment: 'imported from x.json',
};
const BLOCK = `# imported from x.json
new:
  command: npx
  args:
    - -y
    - "a: b"
  env:
    T: \${T}
  priority: 100
  domains: []
`;
const block = (indent: number) => BLOCK.replace(/^(?=.)/gm, ' '.repeat(indent));
const add = (text: string, file = 'mcpx.yaml') => openTarget(file, text).withServers([added]);

describe('adding servers to a configuration', () => {
  it('begins one where there is none', () => {
    expect(add('')).toBe(`mcp_servers:\n${block(2)}`);
    expect(add('# mine\n')).toBe(`# mine\nmcp_servers:\n${block(2)}`);
    expect(add('mcp_servers: # later\norchestration: {}\n')).toBe(
      `mcp_servers: # later\n${block(2)}orchestration: {}\n`,
    );
    expect(add('orchestration:\n    fail_fast: true')).toBe(
      `orchestration:\n    fail_fast: true\nmcp_servers:\n${block(2)}`,
    );
  });

  it('keeps everything else byte for byte: comments, quotes, spaces, order', () => {
    const before = [
      '# top   ',
      '',
      '',
      'mcp_servers:   # ours',
      '    a:',
      "        url:   'http://localhost:1/sse'   # here",
      '        domains: [ x,y ]',
      '        # priority: 3',
      '    # b: is gone',
      '',
    ].join('\n');
    const after = '\n# how\norchestration: { fail_fast:   true }   \n# end';
    expect(add(`${before}${after}`)).toBe(`${before}${block(4)}${after}`);
  });

  it.each([
    ['Windows line ends', 'mcp_servers:\r\n  a:\r\n    url: http://h/sse\r\norchestration: {}\r\n'],
    [
      'a block scalar at the end',
      'mcp_servers:\n  a:\n    command: sh\n    args:\n      - |\n        one\n        two\n\nx-y: 1\n',
    ],
    [
      'a flow mapping at the end',
      'mcp_servers:\n  a: { url: http://h/sse,\n    priority: 1 } # one\nx-y: 1\n',
    ],
    ['an empty value at the end', 'mcp_servers:\n  a:\n    url: http://h/sse\n    name:\n'],
    ['an alias at the end', 'x-a: &a { url: http://h/sse }\nmcp_servers:\n  a: *a\n'],
    ['a byte order mark', '\ufeffmcp_servers:\n  a: { url: http://h/sse }\n'],
    ['no line break at the end', 'mcp_servers:\n  a:\n    url: http://h/sse'],
    ['an anchor at a server', 'mcp_servers:\n  a: &a\n    url: http://h/sse\n  b: *a\n'],
    [
      'a quoted text over two lines',
      'mcp_servers:\n  a:\n    name: "one\n      two"\n    url: http://h/sse\nx-y: 1\n',
    ],
  ])('copes with %s', (_, text) => {
    const result = add(text);
    const ended = text.endsWith('\n') ? text : `${text}\n`;
    const newline = text.includes('\r\n') ? '\r\n' : '\n';
    expect(result.replace(block(2).replaceAll('\n', newline), '')).toBe(ended);
    const { mcp_servers: before, ...rest } = parse(text) as Record<string, object>;
    expect(parse(result)).toEqual({ ...rest, mcp_servers: { ...before, new: added.entry } });
  });

  it.each([
    ['an empty mapping', 'mcp_servers: {} # none\nx-y: 1\n'],
    ['flow style', 'mcp_servers: { a: { url: http://h/sse } }\nx-y: 1 # why\n'],
    ['a document in flow style', '{ mcp_servers: { a: { url: "http://h/sse" } } }\n'],
    ['an end mark', 'x-y: 1 # why\n...\n'],
    ['an explicit null', 'mcp_servers: ~\nx-y: 1\n'],
  ])('lays out anew what has no place for lines, and loses nothing: %s', (_, text) => {
    const result = add(text);
    const { mcp_servers: before, ...rest } = parse(text) as Record<string, object | null>;
    expect(parse(result)).toEqual({ ...rest, mcp_servers: { ...before, new: added.entry } });
    for (const [comment] of text.matchAll(/# .*/g)) expect(result).toContain(comment);
  });

  it('JSON stays JSON', () => {
    const text = '{\n    "mcp_servers": {\n        "a": { "url": "http://h/sse" }\n    }\n}\n';
    const result = add(text, 'mcpx.json');
    expect(JSON.parse(result)).toEqual({ mcp_servers: { a: { url: 'http://h/sse' }, new: added.entry } });
    expect(result).toMatch(/^\{\n {4}"mcp_servers"/);
    expect(JSON.parse(add('', 'mcpx.json'))).toEqual({ mcp_servers: { new: added.entry } });
  });

  it('replaces an entry of the same id, and the remark of an earlier import', () => {
    const before = 'mcp_servers:\n  # first\n  a: { url: http://h/sse }\n';
    const old = '  # imported from old.json\n  new:\n    url: http://old/sse # old\n';
    const after = '  # last\n  z:\n    url: http://z/sse\n';
    const other: NewServer = { ...added, id: 'other' };
    const target = openTarget('mcpx.yaml', before + old + after);
    expect([...target.existing.keys()]).toEqual(['a', 'new', 'z']);
    expect(target.withServers([added])).toBe(before + block(2) + after);
    expect(target.withServers([added, other])).toBe(
      before + block(2) + after + block(2).replace('new:', 'other:'),
    );
    const last = openTarget('mcpx.yaml', before + old);
    expect(last.withServers([other, added])).toBe(before + block(2) + block(2).replace('new:', 'other:'));
    expect(target.withServers([])).toBe(before + old + after);
  });

  it.each([
    ['a: [', 'CFG103'],
    ['mcp_servers: {}\nmcp_servers: {}\n', 'CFG110'],
    ['- a\n', 'CLI901'],
    ['text\n', 'CLI901'],
    ['mcp_servers: [a]\n', 'CLI901'],
    ['{"mcpServers": {}}', 'CLI901'],
    ['servers: {}\n', 'CLI901'],
    ['['.repeat(5000), 'CFG103'],
  ])('refuses what is no configuration of ours: %j', (text, code) => {
    expect(() => add(text)).toThrow(expect.objectContaining({ code }) as Error);
  });

  it('leaves references of the file alone, set or not', () => {
    const text = 'mcp_servers:\n  a:\n    url: ${URL}\n    headers: { A: "${B:-c}" }\n';
    expect(add(text)).toBe(text + block(2));
  });
});
