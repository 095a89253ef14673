import type { CST, YAMLParseError } from 'yaml';
import type { Replacement } from './problem.js';

/** A mistake of syntax in plain words. */
export interface SyntaxMistake {
  readonly start: number;
  readonly end: number;
  readonly message: string;
  readonly hint: string;
  readonly replacement?: Replacement;
}

// eslint-disable-next-line no-control-regex -- YAML forbids exactly these
const CONTROL = /[\u0000-\u0008\u000b\u000c\u000e-\u001f]/;

/** The first character that may stand in no YAML file; the parser stumbles over it or takes it for text. */
export function findControlCharacter(text: string): SyntaxMistake | undefined {
  const start = text.search(CONTROL);
  if (start === -1) return undefined;
  const code = text.charCodeAt(start).toString(16).toUpperCase().padStart(4, '0');
  // Of UTF-16 every other byte is one.
  const looksWide = text[start] === '\0' && text[start + 2] === '\0';
  return {
    start,
    end: start + 1,
    message: `a control character (U+${code}) stands here`,
    hint: looksWide ? 'this looks like UTF-16: save the file as UTF-8' : 'remove it',
  };
}

/**
 * What the parser complains of, in the words of whoever wrote the file, at the place where the mistake is rather than
 * where the parser noticed it. What follows from a mistake is left out: mostly it is told on its line again, tabs are
 * one mistake however many lines have them, and behind a bracket or quote that nobody closes nothing can be trusted.
 */
export function syntaxMistakes(
  errors: readonly YAMLParseError[],
  text: string,
  tokens: readonly CST.Token[],
): SyntaxMistake[] {
  const tab = errors.find(({ code }) => code === 'TAB_AS_INDENT');
  if (tab !== undefined) {
    const [start, end] = tab.pos;
    return [
      {
        start,
        end,
        message: 'tabs cannot indent in YAML',
        hint: 'indent with spaces',
        replacement: { kind: 'indentation' },
      },
    ];
  }
  const mistakes: SyntaxMistake[] = [];
  let done = -1;
  for (const error of errors) {
    const [start, end] = error.pos;
    if (start <= done) continue;
    const open = /^(?:Flow|Missing closing)/.test(error.message) ? openedBefore(tokens, start) : undefined;
    if (open !== undefined) {
      mistakes.push(neverClosed(text, open));
      break;
    }
    const described = { start, ...describe(error, text) };
    const last = Math.max(described.start + 1, Math.min(end, endOfLine(text, start)));
    mistakes.push({ ...described, end: last });
    done = endOfLine(text, start);
  }
  return mistakes;
}

function neverClosed(text: string, start: number): SyntaxMistake {
  const opening = text[start] ?? '';
  const closing = CLOSING[opening] ?? opening;
  return {
    start,
    end: start + 1,
    message: `this ${opening} is never closed`,
    hint: `write ${closing} where it ends`,
  };
}

const CLOSING: Readonly<Record<string, string>> = { '[': ']', '{': '}' };

/** The innermost bracket, or the quote, that is still open at an offset. */
function openedBefore(tokens: readonly CST.Token[], offset: number): number | undefined {
  let found: number | undefined;
  for (const { token } of tokensOf(tokens)) {
    if (!('offset' in token) || token.offset > offset || token.offset < (found ?? 0)) continue;
    if (token.type === 'flow-collection') {
      const closing = token.start.type === 'flow-seq-start' ? 'flow-seq-end' : 'flow-map-end';
      if (!token.end.some(({ type }) => type === closing)) found = token.offset;
    } else if (token.type === 'double-quoted-scalar' || token.type === 'single-quoted-scalar') {
      const quote = token.source[0] ?? '';
      if (token.source.length < 2 || !token.source.endsWith(quote)) found = token.offset;
    }
  }
  return found;
}

/** Every token with its depth, without calling itself: the nesting may be deeper than the stack. */
export function* tokensOf(
  tokens: readonly CST.Token[],
): Iterable<{ readonly token: CST.Token; readonly depth: number }> {
  const waiting: { readonly token: CST.Token; readonly depth: number }[] = [];
  const add = (token: CST.Token | null | undefined, depth: number) => {
    if (token !== null && token !== undefined) waiting.push({ token, depth });
  };
  for (const token of tokens) add(token, 0);
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    yield next;
    const { token, depth } = next;
    if (token.type === 'document') add(token.value, depth);
    if (!('items' in token)) continue;
    for (const item of token.items) {
      add(item.key, depth + 1);
      add(item.value, depth + 1);
    }
  }
}

function describe(
  error: YAMLParseError,
  text: string,
): Omit<SyntaxMistake, 'end' | 'start'> & { start?: number } {
  const [start] = error.pos;
  const lineStart = text.lastIndexOf('\n', start - 1) + 1;
  const line = text.slice(lineStart, endOfLine(text, start));
  switch (error.code) {
    case 'MULTIPLE_DOCS':
      return {
        message: 'a second document begins here',
        hint: 'a configuration is one document: remove the --- and what follows it',
      };
    case 'MULTILINE_IMPLICIT_KEY':
      return {
        message: 'a colon is missing in this line, or it is indented unlike the others',
        hint: 'write key: value, in the column of the keys beside it',
      };
    case 'BLOCK_AS_IMPLICIT_KEY': {
      const next = text.slice(endOfLine(text, start) + 1);
      const indent = (part: string) => /^ */.exec(part)?.[0].length ?? 0;
      if (line.includes(':', start - lineStart)) {
        return { message: 'a second colon stands in this line', hint: 'put the value in quotes' };
      }
      if (indent(next) !== indent(line)) {
        return {
          start: endOfLine(text, start) + 1 + indent(next),
          message: 'this line is indented unlike the ones before it',
          hint: 'begin it in the column of the keys beside it',
        };
      }
      break;
    }
    case 'BAD_INDENT':
      return {
        start: lineStart + (/^ */.exec(line)?.[0].length ?? 0),
        message: 'this line is indented unlike the ones before it',
        hint: 'begin it in the column of the keys beside it',
      };
    case 'BAD_DQ_ESCAPE':
      return {
        message: `${text.slice(start, start + 2).trimEnd()} is no escape that double quotes know`,
        hint: String.raw`write \\ for a backslash, or use single quotes`,
      };
    case 'BAD_SCALAR_START':
      return { message: `a value cannot begin with ${text[start] ?? ''}`, hint: 'put the value in quotes' };
    case 'KEY_OVER_1024_CHARS':
      return {
        message: 'this key is longer than 1024 characters',
        hint: 'is a quote or a line break missing?',
      };
    case 'BLOCK_IN_FLOW':
      return { message: 'a comma is missing in this line', hint: 'separate the entries by commas' };
    case 'MISSING_CHAR':
      if (error.message.startsWith('Missing ,')) {
        return { message: 'a comma is missing before this', hint: 'separate the entries by commas' };
      }
      if (error.message.startsWith('Implicit map keys')) {
        return { message: 'a colon is missing after this key', hint: 'write key: value' };
      }
      if (error.message.startsWith('Comments must')) {
        return {
          message: 'a comment begins here without a space before it',
          hint: 'write a space before the #',
        };
      }
      break;
    case 'UNEXPECTED_TOKEN':
      if (text[start] === '{' && text[start - 1] === '$') {
        return {
          start: start - 1,
          message: 'a reference within braces or brackets needs quotes',
          hint: 'write "${VARIABLE}"',
        };
      }
      if (text[start] === '}' || text[start] === ']') {
        return {
          message: `nothing is open that this ${text[start]} could close`,
          hint: 'remove it, or write what it closes',
        };
      }
      if (text[start] === ',')
        return { message: 'an entry is missing before this comma', hint: 'remove the comma' };
      return {
        message: 'this cannot stand here',
        hint: 'look for a quote, a comma or a line break that is missing before it',
      };
    default:
  }
  const [message = ''] = error.message.split('\n');
  return { message, hint: 'look at the line before it too: something may be missing there' };
}

function endOfLine(text: string, offset: number): number {
  const end = text.indexOf('\n', offset);
  return end === -1 ? text.length : end;
}
