import { isDeepStrictEqual } from 'node:util';
import {
  Document,
  isAlias,
  isCollection,
  isMap,
  isPair,
  isScalar,
  parseDocument,
  type Pair,
  type YAMLMap,
} from 'yaml';
import { ConfigurationError } from '../errors.js';
import { describeProblem } from './problem.js';
import { readYamlDocument } from './yaml-document.js';

/** An entry on its way into a configuration. */
export interface NewServer {
  readonly id: string;
  readonly entry: Readonly<Record<string, unknown>>;
  /** Stands above the entry; one line. */
  readonly comment: string;
}

/** A configuration to which servers can be added. */
export interface TargetFile {
  /** The entries of `mcp_servers` as they stand there, by id. */
  readonly existing: ReadonlyMap<string, unknown>;
  /** The text with these servers in it, those of an existing id replaced; everything else stays byte for byte. */
  withServers(servers: readonly NewServer[]): string;
}

/**
 * Looks at the configuration that servers shall be added to.
 *
 * @param text  `''` for a file that does not exist yet
 * @throws ConfigurationError where it is broken, or the file of an editor
 */
export function openTarget(file: string, text: string): TargetFile {
  const { problems, value } = readYamlDocument(file, text, {});
  const isJsonFile = text.trim() === '' ? /\.json$/i.test(file) : isJson(text);
  if (isEditorFile(value)) throw refused(file, 'is the file of an editor, to which mcpx adds nothing');
  const broken = problems.filter(({ code }) => code !== 'CFG109');
  const [first] = broken;
  if (first !== undefined) {
    throw new ConfigurationError(
      first.code,
      `${file} is not a valid configuration, so nothing is added to it`,
      {
        context: { file, problems: broken },
        cause: new Error(describeProblem(first)),
        hint: 'Correct the file first, or write to another one with --output-file.',
      },
    );
  }
  // The references must stay references, which that parser fills in.
  const document = parseDocument(text);
  const { contents } = document;
  if (contents !== null && !isMap(contents) && !(isScalar(contents) && contents.value === null)) {
    throw refused(file, 'is no mapping of settings');
  }
  const section: unknown = isMap(contents) ? contents.get('mcp_servers', true) : undefined;
  const isEmpty = section === undefined || section === null || (isScalar(section) && section.value === null);
  if (!isEmpty && !isMap(section)) throw refused(file, 'has something else than a mapping in mcp_servers');
  const data = (document.toJS({ maxAliasCount: 100 }) ?? {}) as Record<string, unknown>;
  const existing = new Map(Object.entries((data['mcp_servers'] ?? {}) as Record<string, unknown>));

  return {
    existing,
    withServers(servers) {
      if (servers.length === 0) return text;
      const all = new Map(existing);
      for (const { id, entry } of servers) all.set(id, entry);
      const expected = { ...data, mcp_servers: Object.fromEntries(all) };
      if (isJsonFile) return `${JSON.stringify(expected, null, indentOf(text))}\n`;
      const edited = edit(text, document, section, servers);
      if (edited !== undefined && holds(edited, expected)) return edited;
      // Flow style and other rare shapes: the data is right, and the layout that of the library.
      const rewritten = rewrite(text, servers);
      if (!holds(rewritten, expected)) throw new Error('the servers cannot be written into the file');
      return rewritten;
    },
  };
}

function refused(file: string, why: string): ConfigurationError {
  return new ConfigurationError('CLI901', `${file} ${why}`, {
    context: { file },
    hint: 'Name the file to write with --output-file.',
  });
}

function isEditorFile(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || Object.hasOwn(value, 'mcp_servers')) return false;
  return Object.hasOwn(value, 'mcpServers') || Object.hasOwn(value, 'servers');
}

function holds(text: string, expected: unknown): boolean {
  const document = parseDocument(text);
  return document.errors.length === 0 && isDeepStrictEqual(document.toJS({ maxAliasCount: 100 }), expected);
}

/** Puts the entries into the text at their places; `undefined` where the layout has none for them. */
function edit(
  text: string,
  document: Document,
  section: unknown,
  servers: readonly NewServer[],
): string | undefined {
  const newline = text.includes('\r\n') ? '\r\n' : '\n';
  const lines = (block: string) => block.replaceAll('\n', newline);
  if (isMap(section)) {
    if (section.flow === true || section.items.length === 0) return undefined;
    return editMap(section);
  }
  const root = document.contents;
  if (isMap(root) && root.flow === true) return undefined;
  const key = isMap(root) ? pairOf(root, 'mcp_servers')?.key : undefined;
  if (key === undefined) {
    const gap = text === '' || text.endsWith('\n') ? '' : newline;
    return `${text}${gap}${lines(`mcp_servers:\n${blocks(servers, 2)}`)}`;
  }
  const end = endOfLine(text, endOf(key));
  return insert(text, end, lines(blocks(servers, 2)), newline);

  function editMap(map: YAMLMap): string | undefined {
    const first = map.items[0]?.key;
    const start = startOf(first);
    if (start === undefined) return undefined;
    const column = start - startOfLine(text, start);
    // Replaced from the end to the beginning, so that the places before stay what they are.
    const replaced = servers
      .flatMap((server) => {
        const pair = pairOf(map, server.id);
        return pair === undefined ? [] : [{ server, pair }];
      })
      .sort((a, b) => (startOf(b.pair.key) ?? 0) - (startOf(a.pair.key) ?? 0));
    const added = servers.filter(({ id }) => pairOf(map, id) === undefined);
    const last = map.items.at(-1);
    const lastEnd = last === undefined ? start : endOf(last);
    let result = text;
    if (added.length > 0) {
      const at = behindComments(text, endOfLine(text, lastEnd), column);
      result = insert(result, at, lines(blocks(added, column)), newline);
    }
    for (const { server, pair } of replaced) {
      const keyLine = startOfLine(text, startOf(pair.key) ?? 0);
      const lineBefore = startOfLine(text, Math.max(0, keyLine - 1));
      // A comment of an earlier import says where the earlier entry came from.
      const isOurs = /^ *# imported from /.test(text.slice(lineBefore, keyLine));
      const from = isOurs ? lineBefore : keyLine;
      const to = endOfLine(text, endOf(pair));
      const block = lines(blocks([server], column));
      const rest = result.slice(to);
      result = `${result.slice(0, from)}${rest === '' ? block : block.replace(/\r?\n$/, '')}${rest}`;
    }
    return result;
  }
}

/** Puts a block of whole lines behind the line that ends at `at`. */
function insert(text: string, at: number, block: string, newline: string): string {
  const before = text.slice(0, at);
  const after = text.slice(at);
  if (after === '') return `${before}${newline}${block}`;
  return `${before}${newline}${block.replace(/\r?\n$/, '')}${after}`;
}

/** The entries in block style, each line behind `column` spaces. */
function blocks(servers: readonly NewServer[], column: number): string {
  const pad = ' '.repeat(column);
  return servers
    .map(({ id, entry, comment }) => {
      const document = new Document({ [id]: entry });
      const lines = document.toString({ lineWidth: 0, indent: 2 }).trimEnd().split('\n');
      return [`# ${comment}`, ...lines].map((line) => (line === '' ? '' : `${pad}${line}`)).join('\n');
    })
    .map((block) => `${block}\n`)
    .join('');
}

function rewrite(text: string, servers: readonly NewServer[]): string {
  const document = parseDocument(text);
  const section: unknown = document.get('mcp_servers');
  if (!isMap(section)) document.set('mcp_servers', document.createNode({}));
  else if (section.items.length === 0) section.flow = false;
  for (const { id, entry } of servers) document.setIn(['mcp_servers', id], document.createNode(entry));
  return document.toString({ lineWidth: 0 });
}

function pairOf(map: YAMLMap, key: string): Pair | undefined {
  return map.items.find((item) => isScalar(item.key) && String(item.key.value) === key);
}

function startOf(node: unknown): number | undefined {
  return isScalar(node) || isCollection(node) || isAlias(node) ? node.range?.[0] : undefined;
}

/** Where the last letter of a value stands; the range of a collection reaches over the comments behind it. */
function endOf(node: unknown): number {
  if (isPair(node)) return Math.max(endOf(node.key), endOf(node.value));
  if (isCollection(node) && node.flow !== true) return Math.max(0, ...node.items.map(endOf));
  if (isScalar(node) || isCollection(node) || isAlias(node)) {
    const [start = 0, end = 0] = node.range ?? [];
    // A block scalar ends with the line break behind its last line.
    const isBlock = isScalar(node) && (node.type === 'BLOCK_LITERAL' || node.type === 'BLOCK_FOLDED');
    return isBlock ? Math.max(start, end - 1) : end;
  }
  return 0;
}

function startOfLine(text: string, at: number): number {
  return text.lastIndexOf('\n', at - 1) + 1;
}

/** The end of the line of a place, before its line break. */
function endOfLine(text: string, at: number): number {
  const end = text.indexOf('\n', at);
  if (end === -1) return text.length;
  return text[end - 1] === '\r' && end - 1 >= at ? end - 1 : end;
}

/** Behind the comments that follow a line and belong to the mapping, since they stand at least as deep as its keys. */
function behindComments(text: string, at: number, column: number): number {
  let end = at;
  for (let next = text.indexOf('\n', at); next !== -1; next = text.indexOf('\n', next + 1)) {
    const line = text.slice(next + 1, endOfLine(text, next + 1));
    const [, indent = '', mark = ''] = /^( *)(\S?)/.exec(line) ?? [];
    if (mark === '#' && indent.length >= Math.max(1, column)) end = next + 1 + line.length;
    else if (mark !== '') break;
  }
  return end;
}

function isJson(text: string): boolean {
  try {
    return typeof JSON.parse(text) === 'object';
  } catch {
    return false;
  }
}

function indentOf(json: string): string {
  return /^\{\r?\n([ \t]+)"/.exec(json)?.[1] ?? '  ';
}
