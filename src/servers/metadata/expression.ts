const TOKEN =
  /(?<space>\s+)|(?<comment>--|\/\*)|(?<quoted>[eEnN]?'(?:[^']|'')*'|"(?:[^"]|"")+"|\$(?<tag>\w*)\$[\s\S]*?\$\k<tag>\$)|(?<placeholder>\{[A-Za-z_]\w*\})|(?<number>(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)|(?<word>[\p{L}_][\p{L}\p{N}_$]*)|(?<operator>::|[-+*/%^<>=!~|&#@]+)|(?<mark>[.,()[\]:])|(?<other>[\s\S])/gu;

/** Words of the grammar: only next to one of them may another word stand. */
const KEYWORDS = new Set(
  `all and any array as asc at between both by case cast collate cross current current_date current_time
  current_timestamp date day desc distinct double else end escape except exclude exists extract false fetch filter
  first following for from full group having hour ilike in inner intersect interval is isnull join lateral last
  leading left like limit localtime localtimestamp minute month natural not notnull null nulls offset on or order
  outer over overlaps partition position preceding precision range right row rows second select similar some
  substring symmetric then time timestamp to trailing trim true unbounded union unknown using values varying when
  where window with within without year zone`.split(/\s+/),
);
const STATEMENTS = new Set(
  `alter analyze begin call commit copy create delete drop execute explain grant insert merge revoke rollback select
  set show truncate update vacuum values with`.split(/\s+/),
);
const CLOSING: Readonly<Record<string, string>> = { ')': '(', ']': '[' };

/**
 * A light check for texts that can be no SQL expression; it needs no parser and lets through what it does not
 * understand. `{date_column}` and the like stand for columns.
 *
 * @returns what is wrong, or `undefined`
 */
export function expressionProblem(sql: string): string | undefined {
  if (sql.trim() === '') return 'it is empty';
  const first = /^\s*(\w+)\s+[\w*("']/.exec(sql)?.[1]?.toLowerCase();
  if (first !== undefined && STATEMENTS.has(first)) return 'it is a statement';
  const open: string[] = [];
  let previous: { readonly kind: string; readonly text: string } | undefined;
  for (const match of sql.matchAll(TOKEN)) {
    const [kind, text] = Object.entries(match.groups ?? {}).find(([, value]) => value !== undefined) ?? [
      'other',
      '',
    ];
    if (kind === 'space' || text === undefined) continue;
    if (kind === 'comment') return 'it has a comment';
    if (kind === 'other') return otherProblem(text);
    if (text === '(' || text === '[') open.push(text);
    const opening = CLOSING[text];
    if (opening !== undefined && open.pop() !== opening) return `it has a ${text} too many`;
    if (previous !== undefined && isOperand(previous) && isOperand({ kind, text })) {
      return `there is no operator between ${previous.text} and ${text}`;
    }
    previous = { kind, text };
  }
  if (open.length > 0) return `a ${open.at(-1) === '(' ? ')' : ']'} is missing`;
  if (
    previous !== undefined &&
    (previous.kind === 'operator' || previous.text === '.' || previous.text === ',')
  ) {
    // COUNT(*) ends with a parenthesis; a text that ends with the star itself selects columns.
    return `it ends with ${previous.text}`;
  }
  return undefined;
}

function isOperand({ kind, text }: { readonly kind: string; readonly text: string }): boolean {
  if (kind === 'word') return !KEYWORDS.has(text.toLowerCase());
  return kind === 'placeholder' || kind === 'number';
}

function otherProblem(text: string): string {
  if (text === ';') return 'it has a semicolon';
  if (text === "'" || text === '"') return `a closing ${text} is missing`;
  return `${JSON.stringify(text)} has no place in SQL`;
}
