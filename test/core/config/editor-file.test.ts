import { describe, expect, it } from 'vitest';
import { fixSource } from '../../../src/core/config/fix.js';
import { describeProblem } from '../../../src/core/config/problem.js';
import { validateConfigText } from '../../../src/core/config/validate.js';

const check = (text: string) => validateConfigText('c.yaml', text, false, {});
const told = (text: string) => check(text).problems.map(describeProblem);

describe('settings of ours below the section of an editor', () => {
  const MISNAMED = [
    '# mine',
    'servers:',
    '  a: { url: "http://localhost:1/sse", priority: 1, domains: p }',
    '  b: { url: "http://localhost:2/sse", priority: 2, domains: [q], transport: ssee }',
    'orchestration: { fail_fast: yes }',
    '',
  ].join('\n');

  it('are told in YAML by the name of the section, with everything else that is wrong', () => {
    expect(told(MISNAMED)).toEqual([
      'c.yaml:2:1 error CFG104 unknown key "servers"; did you mean "mcp_servers"?',
      'c.yaml:3:61 error CFG105 domains must be a list, not a text; write [p]',
      'c.yaml:4:77 error CFG106 transport cannot be "ssee"; did you mean "sse"? (one of: sse, streamable-http, stdio, auto)',
      'c.yaml:5:29 error CFG105 fail_fast must be true or false, not a text; write true',
    ]);
    expect(told(MISNAMED.replace('servers:', 'mcpServers:'))[0]).toContain('unknown key "mcpServers"');
    expect(check(MISNAMED).examined?.config).toBeUndefined();
  });

  it('are corrected by its right name', () => {
    const { text } = fixSource(
      { text: MISNAMED, hasByteOrderMark: false },
      (source) => check(source.text).problems,
    );
    expect(text.split('\n').slice(0, 3)).toEqual([
      '# mine',
      'mcp_servers:',
      '  a: { url: "http://localhost:1/sse", priority: 1, domains: [p] }',
    ]);
    expect(told(text)).toEqual([]);
  });

  it('are warned of in JSON, which an editor may read as well, and mean nothing there', () => {
    const text = '{ "mcpServers": { "a": { "command": "x", "priority": 1, "domains": ["p"] } } }';
    const { problems, examined } = check(text);
    expect(problems.map(describeProblem)).toEqual([
      'c.yaml:1:3 warning CFG104 "domains", "priority" mean nothing in the file of an editor; for a file of mcpx alone write "mcp_servers" instead of "mcpServers"',
    ]);
    expect(examined?.config?.servers).toMatchObject([{ priority: 100, domains: [] }]);
  });

  it.each([
    ['servers: { a: { url: "http://localhost:1/sse", type: sse, timeout: 5 } }'],
    ['{ "servers": { "a": { "command": "x", "env": { "priority": "1" } } }, "inputs": [] }'],
    ['mcp_servers: { a: { url: "http://localhost:1/sse", priority: 1, domains: [servers] } }'],
  ])('are not seen where there are none: %s', (text) => {
    expect(told(text)).toEqual([]);
  });
});

describe('what an editor fills in', () => {
  it('is told as that, with what to write, at its place', () => {
    const text = [
      '{ "servers": { "a": {',
      '  "command": "${workspaceFolder}/x",',
      '  "args": ["${input:api-key}", "${env:NOPE}"]',
      '} } }',
    ].join('\n');
    expect(told(text)).toEqual([
      'c.yaml:2:14 error CFG109 only an editor fills in ${workspaceFolder}; write the folder itself, or ${PWD} for the one that mcpx is run in',
      'c.yaml:3:12 error CFG109 only an editor fills in ${input:api-key}; write ${API_KEY} and set it in the environment',
      'c.yaml:3:32 error CFG109 environment variable NOPE is not set; set it, or write ${NOPE:-default}',
    ]);
  });

  it('is told of our own file too, and of no other mistake there', () => {
    const text = 'mcp_servers: { a: { url: "${input:address}", priority: 1, domains: [p] } }';
    expect(told(text)).toEqual([
      'c.yaml:1:26 error CFG109 only an editor fills in ${input:address}; write ${ADDRESS} and set it in the environment',
    ]);
  });
});
