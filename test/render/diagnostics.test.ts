import { describe, expect, it } from 'vitest';
import { editsFor } from '../../src/core/config/fix.js';
import { validateConfigText } from '../../src/core/config/validate.js';
import { renderGithub } from '../../src/render/diagnostics-github.js';
import { diagnosticsJson } from '../../src/render/diagnostics-json.js';
import { diagnosticsSarif } from '../../src/render/diagnostics-sarif.js';
import { renderDiagnostics } from '../../src/render/diagnostics.js';
import { withoutColor } from '../fixtures/io.js';

const validate = (text: string, file = 'c.yaml') => validateConfigText(file, text, false, {});
const text = (source: string, view = {}) => renderDiagnostics([validate(source)], { color: false, ...view });

describe('as text', () => {
  it('shows the line and points at the place', () => {
    expect(text('mcp_servers:\n  a:\n    url: "http://localhost/sse"\n    domains: p # mine\n')).toBe(
      [
        'c.yaml:4:14 error CFG105 domains must be a list, not a text; write [p]',
        '  4 |     domains: p # mine',
        '    |              ^',
        'c.yaml: 1 error, 0 warnings',
        '',
      ].join('\n'),
    );
  });

  it('uses colour where it is asked to', () => {
    const colored = text('mcp_servers: {}\n', { color: true });
    expect(colored).toContain('\u001b[31merror\u001b[39m');
    expect(colored).toContain('\u001b[31m^^^^^^^^^^^\u001b[39m');
  });

  it('points at the right column behind letters that take two, and behind tabs', () => {
    const wide = text(
      'mcp_servers:\n  a: { name: "漢字", prioritty: 1, url: "http://localhost", domains: [p] }\n',
    );
    const [, source = '', caret = ''] = wide.split('\n');
    expect(caret.indexOf('^')).toBe(source.indexOf('prioritty') + 2);
    const tab = text('mcp_servers:\n  a: {\tprioritty: 1, url: "http://localhost", domains: [p] }\n').split(
      '\n',
    );
    expect(tab[2]?.indexOf('^')).toBe(tab[1]?.indexOf('prioritty'));
  });

  it('cuts a long line around the place, and a file of one long line stays readable', () => {
    const long = `{ "mcp_servers": { "a": { "url": "http://localhost/sse", "capabilities": [${'"x", '.repeat(50_000)}"y"], "domains": "p" } } }`;
    const lines = text(long, { width: 60 }).split('\n');
    for (const line of lines.slice(1)) expect(line.length).toBeLessThanOrEqual(60);
    const [source = '', caret = ''] = lines.slice(2);
    expect(source).toContain('"p"');
    const at = caret.indexOf('^');
    expect(source.slice(at, at + 3)).toBe('"p"');
  });

  it('breaks what is wrong between words where a terminal is narrow, and nowhere else', () => {
    const source = 'mcp_servers:\n  a: { url: "http://localhost/sse", priority: 1, domains: p }\n';
    expect(text(source, { width: 40 }).split('\n').slice(0, 3)).toEqual([
      'c.yaml:2:59 error CFG105 domains must be',
      '  a list, not a text; write [p]',
      expect.stringMatching(/^ {2}2 \| /),
    ]);
    expect(text(source).split('\n')[0]).toBe(
      'c.yaml:2:59 error CFG105 domains must be a list, not a text; write [p]',
    );
    const colored = text(source, { width: 40, color: true });
    expect(withoutColor(colored)).toBe(text(source, { width: 40 }));
  });

  it('lets no control character through', () => {
    const shown = text(
      'mcp_servers:\n  a: { "\u009b31mevil": 1, name: "\u202e", url: "http://localhost" }\n',
    );
    // eslint-disable-next-line no-control-regex -- control characters are what is looked for
    expect(shown).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/);
  });
});

const SECRETS = [
  'mcp_servers:',
  '  a: { url: "http://user:sentinel-pw@localhost/sse?key=sentinel-key", prioritty: 1,',
  '       headers: { X-Custom: "sentinel-header", Authorization: "Bearer ${T}" }, env: { A: sentinel-env }, foo: 1 }',
].join('\n');

describe('no credential of the file', () => {
  it.each([
    ['is shown', SECRETS],
    [
      'is shown where the syntax is broken',
      `${SECRETS.replace('X-Custom', 'Cookie').replace('env: { A', 'env: { API_KEY')} ]`,
    ],
  ])('%s', (_, source) => {
    const file = validate(source);
    expect(file.problems.length).toBeGreaterThan(0);
    expect(file.shown).toHaveLength(source.length);
    const all = [
      renderDiagnostics([file], { color: false }),
      renderGithub([file]),
      JSON.stringify(diagnosticsJson([file], { valid: false, editsFor })),
      JSON.stringify(diagnosticsSarif([file], { version: '1', editsFor })),
    ].join('\n');
    expect(all).not.toContain('sentinel');
    expect(file.shown).toContain('Bearer ${T}');
  });
});

it('no correction carries a credential', () => {
  for (const setting of ['url: "localhost:1/sse?key=sentinel"', 'command: x, args: "--token sentinel"']) {
    const file = validate(`mcp_servers:\n  a: { ${setting}, domains: [p] }\n`);
    expect(file.problems.filter(({ severity }) => severity === 'error')).toHaveLength(1);
    const json = JSON.stringify(diagnosticsJson([file], { valid: false, editsFor }));
    expect(json).toContain('"fix":null');
  }
});

describe('as JSON', () => {
  it('tells places in bytes too, the snippet and the edits of the fix', () => {
    const source = 'mcp_servers:\n  é: { url: "http://localhost/sse", domains: p }\n';
    const file = validateConfigText('c.yaml', source, true, {});
    expect(diagnosticsJson([file], { valid: false, editsFor })).toEqual({
      format_version: '1.0',
      valid: false,
      error_count: 1,
      warning_count: 1,
      diagnostics: [
        expect.objectContaining({
          code: 'CFG126',
          fix: { edits: [{ start_byte: 0, end_byte: 3, new_text: '' }] },
        }),
        {
          severity: 'error',
          code: 'CFG105',
          summary: 'domains must be a list, not a text',
          detail: 'a value of another type than the setting takes',
          path: 'mcp_servers.é.domains',
          range: {
            filename: 'c.yaml',
            start: { line: 2, column: 46, byte: 62 },
            end: { line: 2, column: 47, byte: 63 },
          },
          snippet: {
            code: '  é: { url: "http://localhost/sse", domains: p }',
            start_line: 2,
            highlight_start_offset: 45,
            highlight_end_offset: 46,
          },
          hint: 'write [p]',
          fix: { edits: [{ start_byte: 62, end_byte: 63, new_text: '[p]' }] },
        },
      ],
    });
  });
});

describe('as annotations of GitHub', () => {
  it('escapes what would end a property or a line', () => {
    const file = validate('mcp_servers: {}\n"a,b:c%\\r\\n::error::": 1\n', 'dir/a,b:c%.yaml');
    const lines = renderGithub([file]).split('\n');
    expect(lines).toHaveLength(3);
    expect(lines[1]).toBe(
      '::error file=dir/a%2Cb%3Ac%25.yaml,line=2,col=1,endColumn=22,endLine=2,title=CFG104 unknown_key::unknown key "a,b:c%25 ::error::"%0Aknown here: $schema, defaults, mcp_servers, gateway, orchestration',
    );
  });
});

describe('as SARIF', () => {
  it('names the rules, and each result its rule, its place and its fix', () => {
    const files = [
      validate('mcp_servers:\n  a: { url: "http://localhost/sse", domains: p }\n', 'dir/a b.yaml'),
      validate('mcp_servers:\n  a: { url: "http://localhost/sse" }\n', '/abs/c.yaml'),
    ];
    expect(diagnosticsSarif(files, { version: '1.2.3', editsFor })).toMatchObject({
      version: '2.1.0',
      runs: [
        {
          tool: { driver: { name: 'mcpx', version: '1.2.3', rules: [{ id: 'CFG105' }, { id: 'CFG119' }] } },
          columnKind: 'utf16CodeUnits',
          artifacts: [{ location: { uri: 'dir/a%20b.yaml' } }, { location: { uri: 'file:///abs/c.yaml' } }],
          results: [
            {
              ruleId: 'CFG105',
              ruleIndex: 0,
              level: 'error',
              locations: [
                {
                  physicalLocation: {
                    artifactLocation: { uri: 'dir/a%20b.yaml', index: 0 },
                    region: { startLine: 2, startColumn: 46, endLine: 2, endColumn: 47 },
                  },
                  logicalLocations: [{ fullyQualifiedName: 'mcp_servers.a.domains' }],
                },
              ],
              fixes: [
                {
                  artifactChanges: [
                    {
                      replacements: [
                        {
                          deletedRegion: { charOffset: 58, charLength: 1 },
                          insertedContent: { text: '[p]' },
                        },
                      ],
                    },
                  ],
                },
              ],
            },
            { ruleId: 'CFG119', ruleIndex: 1, level: 'warning' },
          ],
        },
      ],
    });
  });
});
