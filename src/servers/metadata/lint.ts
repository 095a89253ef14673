import type { Problem } from '../../core/config/problem.js';
import type { ErrorCode } from '../../core/errors.js';
import { foldedForms } from '../../core/resolve/fold.js';
import { expressionProblem } from './expression.js';
import type { Path } from '../../core/config/yaml-document.js';
import type { Metadata } from './schema.js';

export type Finding = Pick<Problem, 'severity' | 'code' | 'message' | 'hint' | 'replacement'> & {
  readonly path: Path;
  /** The key of the path is what is wrong, not its value. */
  readonly atKey?: boolean;
};

interface Name {
  readonly text: string;
  /** Names that have one of these in common are one name to the resolver. */
  readonly forms: readonly string[];
  /** Where it stands among all names; of two that clash, the later one is reported. */
  readonly order: number;
  readonly key: string;
  readonly what: 'key' | 'id' | 'name' | 'alias' | 'term';
  readonly path: Path;
}

/**
 * What the shape of the file cannot tell: names that would lead a reader to the wrong product, and mappings that
 * no database would take. An alias of two products is an error, since nobody could say which one is meant.
 */
export function lintMetadata(metadata: Metadata): readonly Finding[] {
  const names: Name[] = [];
  for (const [key, product] of metadata.products) {
    const add = (text: string, what: Name['what'], ...path: Path) =>
      names.push({
        text,
        forms: foldedForms(text),
        order: names.length,
        key,
        what,
        path: ['product_aliases', key, ...path],
      });
    add(key, 'key');
    add(product.canonical_id, 'id', 'canonical_id');
    add(product.canonical_name, 'name', 'canonical_name');
    product.aliases.forEach((alias, index) => add(alias, 'alias', 'aliases', index));
  }
  return [
    ...nameFindings(names),
    ...termFindings(names, metadata.mappings),
    ...twinTermFindings(metadata.mappings),
    ...expressionFindings(metadata.mappings),
  ];
}

/** At most one finding a name, the gravest. */
function* nameFindings(names: readonly Name[]): Iterable<Finding> {
  const exact = byText(names, (name) => [name.text]);
  const folded = byText(names, (name) => name.forms);
  for (const name of names) {
    const others = (exact.get(name.text) ?? []).filter((other) => other.key !== name.key);
    const otherAlias = others.find((other) => other.what === 'alias');
    const otherName = others.find((other) => other.what !== 'alias');
    if (name.what === 'alias' && otherAlias !== undefined) {
      // Said once, at the later of the two.
      if (otherAlias.order > name.order) continue;
      const message = `alias ${quoted(name.text)} is claimed by ${quoted(otherAlias.key)} too`;
      yield finding('error', 'CFG121', name, message, 'give it to one of the two products');
    } else if (name.what === 'alias' && otherName !== undefined) {
      const message = `alias ${quoted(name.text)} is the ${otherName.what} of ${quoted(otherName.key)}`;
      yield finding('warning', 'CFG122', name, message, 'remove the alias, or rename the other product');
    } else {
      const twin = firstTwin(folded, name);
      if (twin === undefined || others.some((other) => other.what === 'alias')) continue;
      if (twin.order > name.order) continue;
      const message =
        twin.text === name.text
          ? `${quoted(name.text)} is the ${name.what} of two products, ${quoted(twin.key)} and ${quoted(name.key)}`
          : `${name.what} ${quoted(name.text)} differs from ${twin.what} ${quoted(twin.text)} of ${quoted(twin.key)} only in its spelling`;
      yield finding('warning', 'CFG124', name, message, 'people who type it would get an ambiguous answer');
    }
  }
}

function* termFindings(names: readonly Name[], mappings: Metadata['mappings']): Iterable<Finding> {
  const terms = new Map<string, string>();
  for (const term of mappings.keys()) for (const form of foldedForms(term)) terms.set(form, term);
  for (const name of names) {
    const term = name.forms.map((form) => terms.get(form)).find((found) => found !== undefined);
    if (term === undefined) continue;
    const message = `${name.what} ${quoted(name.text)} of ${quoted(name.key)} is the column term ${quoted(term)} too`;
    yield finding('warning', 'CFG123', name, message, `give the ${name.what} or the term another name`);
  }
}

/** Terms that differ only in spelling: whoever types another one gets an ambiguous answer. */
function* twinTermFindings(mappings: Metadata['mappings']): Iterable<Finding> {
  const terms = [...mappings.keys()].map((text, order): Name => {
    return {
      text,
      forms: foldedForms(text),
      order,
      key: text,
      what: 'term',
      path: ['column_mappings', text],
    };
  });
  const folded = byText(terms, (term) => term.forms);
  for (const term of terms) {
    const twin = firstTwin(folded, term);
    if (twin === undefined || twin.order > term.order) continue;
    const message = `column term ${quoted(term.text)} differs from ${quoted(twin.text)} only in its spelling`;
    yield { ...finding('warning', 'CFG124', term, message, 'remove one of the two'), atKey: true };
  }
}

/** The first name of another product, or the first other term, that the resolver takes for the same. */
function firstTwin(folded: ReadonlyMap<string, readonly Name[]>, name: Name): Name | undefined {
  return name.forms
    .flatMap((form) => (folded.get(form) ?? []).find((other) => other.key !== name.key) ?? [])
    .sort((a, b) => a.order - b.order)[0];
}

function* expressionFindings(mappings: Metadata['mappings']): Iterable<Finding> {
  for (const [term, sql] of mappings) {
    const problem = expressionProblem(sql);
    if (problem === undefined) continue;
    yield {
      severity: 'warning',
      code: 'CFG125',
      message: `the mapping of ${quoted(term)} is no SQL expression: ${problem}`,
      hint: 'write an expression such as SUM(sales.total_amount)',
      path: ['column_mappings', term],
    };
  }
}

function finding(
  severity: Problem['severity'],
  code: ErrorCode,
  { path, what }: Name,
  message: string,
  hint: string,
): Finding {
  return { severity, code, message, hint, path, atKey: what === 'key' };
}

function byText(
  names: readonly Name[],
  textsOf: (name: Name) => readonly string[],
): ReadonlyMap<string, readonly Name[]> {
  const groups = new Map<string, Name[]>();
  for (const name of names) {
    for (const text of textsOf(name)) {
      const group = groups.get(text);
      if (group === undefined) groups.set(text, [name]);
      else group.push(name);
    }
  }
  return groups;
}

function quoted(text: string): string {
  return JSON.stringify(text);
}
