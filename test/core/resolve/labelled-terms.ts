import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { buildIndex, type ResolverIndex } from '../../../src/core/resolve/build-index.js';
import { resolveTerm } from '../../../src/core/resolve/resolve-term.js';

const Expectation = z.discriminatedUnion('status', [
  z.object({ status: z.literal('resolved'), id: z.string() }),
  z.object({ status: z.literal('partial'), id: z.string() }),
  z.object({ status: z.literal('ambiguous'), ids: z.array(z.string()) }),
  z.object({ status: z.enum(['unresolved', 'unknown']) }),
]);
const Case = z.object({
  id: z.string(),
  kind: z.string(),
  query: z.string(),
  repeat: z.object({ text: z.string(), times: z.number() }).optional(),
  expect: Expectation,
});
const CaseFile = z.object({
  catalog: z.string(),
  cases: z.array(
    Case.transform(({ repeat, ...rest }) =>
      repeat === undefined ? rest : { ...rest, query: repeat.text.repeat(repeat.times) },
    ),
  ),
});
const CatalogueFile = z.object({ product_aliases: z.unknown(), column_mappings: z.unknown() });

export type LabelledTerm = z.infer<typeof CaseFile>['cases'][number];

export interface Scores {
  /** Right among all resolved. */
  readonly precision: number;
  /** Right among all that had to be resolved. */
  readonly recall: number;
  /** Resolved among those that had to stay open. */
  readonly falseAccepts: number;
  /** Ambiguous ones of which one was picked. */
  readonly guesses: number;
  readonly failures: readonly string[];
  readonly summary: string;
}

/** Reads the labelled terms of a folder under `test/data/` and the catalogue that belongs to them. */
export function readLabelledTerms(folder: string): { index: ResolverIndex; cases: readonly LabelledTerm[] } {
  const read = (name: string): unknown =>
    JSON.parse(readFileSync(new URL(`../../data/${folder}/${name}`, import.meta.url), 'utf8'));
  const { catalog, cases } = CaseFile.parse(read(folder === 'resolve-dev' ? 'cases.dev.json' : 'cases.json'));
  const content = CatalogueFile.parse(read(catalog));
  const index = buildIndex([
    {
      server: 'metadata',
      priority: 1,
      aliases: { aliases: content.product_aliases },
      mappings: { mappings: content.column_mappings },
    },
  ]);
  return { index, cases };
}

export function score(index: ResolverIndex, cases: readonly LabelledTerm[]): Scores {
  let right = 0;
  let resolved = 0;
  let guesses = 0;
  let falseAccepts = 0;
  const failures: string[] = [];
  for (const { id, kind, query, expect } of cases) {
    const answer = resolveTerm(index, query);
    const found = answer.status === 'resolved' ? answer.entity?.canonical_id : undefined;
    const candidates = answer.candidates.map((candidate) => candidate.canonical_id);
    if (found !== undefined) resolved++;
    const wanted = expect.status === 'resolved' || expect.status === 'partial' ? expect.id : undefined;
    if (found !== undefined && found === wanted) right++;
    if (found !== undefined && expect.status === 'ambiguous') guesses++;
    if (found !== undefined && (expect.status === 'unresolved' || expect.status === 'unknown'))
      falseAccepts++;
    const isAsExpected =
      expect.status === 'resolved'
        ? found === expect.id
        : expect.status === 'partial'
          ? found === expect.id || (found === undefined && candidates[0] === expect.id)
          : expect.status === 'ambiguous'
            ? answer.status === 'ambiguous' && expect.ids.every((wantedId) => candidates.includes(wantedId))
            : found === undefined;
    if (!isAsExpected) {
      failures.push(
        `${id} ${kind} ${JSON.stringify(query.slice(0, 60))}: ${answer.status} ${found ?? candidates.join(',')}`,
      );
    }
  }
  const all = (...statuses: readonly string[]): number =>
    cases.filter(({ expect }) => statuses.includes(expect.status)).length;
  const mustResolve = all('resolved');
  // A partial term may be resolved too; those count for precision only.
  const partialRight = cases.filter(
    ({ query, expect }) => expect.status === 'partial' && resolveTerm(index, query).status === 'resolved',
  ).length;
  const precision = resolved === 0 ? 1 : right / resolved;
  const recall = (right - partialRight) / mustResolve;
  const open = all('unresolved', 'unknown');
  const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
  return {
    precision,
    recall,
    falseAccepts: falseAccepts / open,
    guesses,
    failures,
    summary:
      `${cases.length} terms: precision ${percent(precision)}, recall ${percent(recall)} of ${mustResolve}, ` +
      `accepted ${falseAccepts} of ${open} unknown, guessed ${guesses} of ${all('ambiguous')} ambiguous`,
  };
}
