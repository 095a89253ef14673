/** One part of a template: a text, or what an expression between braces may stand for. */
type Part = string | Expression;

interface Expression {
  /** What comes before its value: `/` of `{/path}`. */
  readonly lead: string;
  /** Whether the value may have slashes in it. */
  readonly isWide: boolean;
  /** It may stand for nothing at all. */
  readonly isOptional: boolean;
}

/** A template with more expressions, or a longer URI, fits nothing: comparing takes time by the product of both. */
const MOST_EXPRESSIONS = 16;
const MOST_CHARACTERS = 16_384;

const OPERATORS: Readonly<Record<string, Expression>> = {
  '': { lead: '', isWide: false, isOptional: false },
  '+': { lead: '', isWide: true, isOptional: false },
  '#': { lead: '#', isWide: true, isOptional: true },
  '.': { lead: '.', isWide: false, isOptional: true },
  '/': { lead: '/', isWide: false, isOptional: true },
  ';': { lead: ';', isWide: false, isOptional: true },
  '?': { lead: '?', isWide: true, isOptional: true },
  '&': { lead: '&', isWide: true, isOptional: true },
};

/**
 * Whether a URI may come of a URI template (RFC 6570): false where the template is none.
 *
 * Values are not taken apart by the names of the variables, so that which of them are left out does not matter. It
 * takes the same time whatever a server writes: the SDK's `UriTemplate` makes a regular expression, and
 * `x://{+a}{+b}{+c}{+d}{+e}!` keeps it busy for half a minute.
 */
export function fitsTemplate(template: string, uri: string): boolean {
  const parts = partsOf(template);
  if (parts === undefined || uri.length > MOST_CHARACTERS) return false;
  /** Where in the URI the parts so far may end. */
  let ends = new Uint8Array(uri.length + 1);
  ends[0] = 1;
  for (const part of parts) {
    ends = typeof part === 'string' ? behindText(part, uri, ends) : behindValue(part, uri, ends);
    if (!ends.includes(1)) return false;
  }
  return ends[uri.length] === 1;
}

function partsOf(template: string): readonly Part[] | undefined {
  if (template.length > MOST_CHARACTERS) return undefined;
  const [first = '', ...rest] = template.split('{');
  if (first.includes('}') || rest.length > MOST_EXPRESSIONS) return undefined;
  const parts: Part[] = [first];
  for (const each of rest) {
    const [, operator = '', names, text = ''] = /^([+#./;?&]?)([^{}]+)\}([^{}]*)$/s.exec(each) ?? [];
    const expression = OPERATORS[operator];
    if (names === undefined || expression === undefined) return undefined;
    // `{/path*}` may have any number of values, and `{/a,b}` has a slash before each.
    const isMany = names.includes('*') || (operator === '/' && names.includes(','));
    parts.push(isMany ? { ...expression, isWide: true } : expression, text);
  }
  return parts;
}

function behindText(text: string, uri: string, before: Uint8Array): Uint8Array<ArrayBuffer> {
  const ends = new Uint8Array(before.length);
  for (let at = 0; at + text.length < before.length; at += 1)
    if (before[at] === 1 && uri.startsWith(text, at)) ends[at + text.length] = 1;
  return ends;
}

function behindValue(
  { lead, isWide, isOptional }: Expression,
  uri: string,
  before: Uint8Array,
): Uint8Array<ArrayBuffer> {
  const ends = isOptional ? Uint8Array.from(before) : new Uint8Array(before.length);
  let isInside = false;
  for (let at = 0; at < uri.length; at += 1) {
    const begin = at - lead.length;
    isInside ||= begin >= 0 && before[begin] === 1 && uri.startsWith(lead, begin);
    isInside &&= isWide || uri[at] !== '/';
    if (isInside) ends[at + 1] = 1;
  }
  return ends;
}
