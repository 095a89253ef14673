import type { Freshness } from '../cache/lifetime.js';
import type { ServerConfig } from '../config/config.js';
import { NoMCPAvailableError, ResourceFetchError } from '../errors.js';
import type { Gathered, GatheredTemplate, Outcome, Warning } from '../gather/outcome.js';
import type { Operation } from '../operation.js';
import type { ResolverIndex } from './build-index.js';
import { cataloguesOf } from './catalogues.js';
import { selectServer, type PrioritizedEntity, type ServerSelection } from './domain.js';
import { IndexKeeper } from './index-keeper.js';
import { findMentions } from './mentions.js';
import { resolveTerm } from './resolve-term.js';
import type {
  Catalogue,
  DescriptionConflict,
  Mention,
  ResolutionWarning,
  ResolveOptions,
  TermResolution,
  Winner,
} from './types.js';

/** The domain of the documents that holds the column mappings: there a term is a column term. */
const COLUMNS_DOMAIN = 'column_mappings';

/** A term of a domain, with whether a better server than the one that answers could not. */
export type DomainTerm = TermResolution & { readonly fallback_used: boolean };

/** A server of the domain, how it fared, and why it answers or was passed over. */
export interface DomainCandidate {
  readonly server: string;
  readonly priority: number;
  /** `not_asked` where another server was asked for. */
  readonly status: Outcome['status'] | 'not_asked';
  readonly reason: string;
  readonly error?: { readonly code: string; readonly message: string };
  /** Of its oldest answer; absent where it gave none. */
  readonly freshness?: Freshness;
}

/** What a server offers by name, without its contents. */
export interface OfferedResource {
  readonly key: string;
  readonly uri: string;
  readonly name: string;
  readonly title?: string;
  readonly description?: string;
  readonly mimeType?: string;
}

/** Who answers for a domain, and what the terms mean there. */
export interface DomainResolution {
  readonly domain: string;
  readonly mode: 'fail-fast' | 'degraded';
  /** Whether no required server of the domain is missing. */
  readonly complete: boolean;
  readonly winner: Winner;
  /** A better server than the winner could not answer. */
  readonly fallbackUsed: boolean;
  /** Every server of the domain, best priority first, the winner among them. */
  readonly candidates: readonly DomainCandidate[];
  /** Of the winner; empty where terms were asked for. */
  readonly resources: readonly OfferedResource[];
  readonly templates: readonly GatheredTemplate[];
  /** In the order of the question. */
  readonly items: readonly DomainTerm[];
  /** `undefined` unless a sentence was asked for. */
  readonly mentions: readonly Mention[] | undefined;
  /** Of the gather and of the catalogues. */
  readonly warnings: readonly (Warning | ResolutionWarning)[];
  readonly durationMs: number;
}

export interface DomainQuestion {
  readonly terms?: readonly string[];
  readonly sentence?: string;
  /** Looks only at what this server says. */
  readonly server?: string;
  /** Whether another server may answer where the best one cannot; it may unless this is false. */
  readonly fallback?: boolean;
  readonly fuzzy?: number;
  readonly all?: boolean;
}

/** Whether a question needs contents, and not only lists. */
export function asksForNames({ terms = [], sentence }: DomainQuestion): boolean {
  return terms.length > 0 || sentence !== undefined;
}

/** Answers from what was gathered. It keeps the index of each domain while its catalogues stay the same. */
export class DomainResolver {
  readonly #indexes = new IndexKeeper();

  /**
   * @param servers  all of the domain, best priority first
   * @throws the failure of the best server where it cannot answer and no other may
   */
  answer(
    domain: string,
    servers: readonly ServerConfig[],
    { outcomes, mode, complete, durationMs }: Gathered,
    question: DomainQuestion,
    op: Operation,
  ): DomainResolution {
    const selection = selectAmong(outcomes, question.fallback ?? true);
    const { winner } = selection;
    const answering = outcomes.find((outcome) => outcome.server.id === winner?.server);
    if (winner === undefined || answering === undefined) throw failureAmong(outcomes);
    logSelection(domain, winner, selection, op);
    const withNames = asksForNames(question);
    const { index, items } = this.#lookUp(domain, outcomes, question);
    const mentions = index === undefined ? undefined : mentionsIn(index, question);
    logAnswers(domain, selection, items, mentions, op);
    return {
      domain,
      mode,
      complete,
      winner: question.server === undefined ? winner : { ...winner, reason: 'the server that was asked for' },
      fallbackUsed: selection.fallbackUsed,
      candidates: candidatesOf(servers, outcomes, selection),
      resources: withNames ? [] : answering.resources,
      templates: withNames ? [] : answering.templates,
      items,
      mentions,
      warnings: [
        ...selection.warnings,
        ...outcomes.flatMap(({ warnings }) => warnings),
        ...(index?.warnings ?? []),
      ],
      durationMs,
    };
  }

  /** @throws ResourceFetchError RES303 where the name may stand for several things */
  findEntity(domain: string, name: string, outcomes: readonly Outcome[]): PrioritizedEntity | undefined {
    const [answer] = this.#lookUp(domain, outcomes, { terms: [name] }).items;
    if (answer?.status === 'ambiguous') {
      const candidates = answer.candidates.map(({ canonical_id }) => canonical_id);
      throw new ResourceFetchError('RES303', `"${name}" may be ${candidates.length} things`, {
        context: { domain, candidates },
        hint: `Ask for one of them: ${candidates.slice(0, 5).join(', ')}.`,
      });
    }
    if (answer?.status !== 'resolved') return undefined;
    const { server, priority } = answer.winner;
    return { server, entity: answer.entity ?? answer.column_mappings[0], priority };
  }

  #lookUp(
    domain: string,
    outcomes: readonly Outcome[],
    question: DomainQuestion,
  ): { readonly index: ResolverIndex | undefined; readonly items: readonly DomainTerm[] } {
    if (!asksForNames(question)) return { index: undefined, items: [] };
    const catalogues = outcomes.flatMap(cataloguesOf);
    const index = this.#indexes.indexFor(domain, catalogues);
    return { index, items: resolveTerms(index, outcomes, amongIn(domain, catalogues), question) };
  }
}

/** Selects the one that answers by how the servers fared. Answering in part is answering. */
export function selectAmong(outcomes: readonly Outcome[], fallback: boolean): ServerSelection {
  const servers = outcomes.map(({ server, status }) => ({
    id: server.id,
    priority: server.priority,
    status,
  }));
  return selectServer(servers, { fallback });
}

/** How each server of a domain fared, in the order of the servers. */
function candidatesOf(
  servers: readonly Pick<ServerConfig, 'id' | 'priority'>[],
  outcomes: readonly Outcome[],
  { winner, passedOver }: ServerSelection,
): readonly DomainCandidate[] {
  return servers.map(({ id, priority }) => {
    const outcome = outcomes.find(({ server }) => server.id === id);
    if (outcome === undefined) {
      const reason = `only ${winner?.server ?? 'another server'} was asked`;
      return { server: id, priority, status: 'not_asked', reason };
    }
    const rule = passedOver.find(({ server }) => server === id)?.rule ?? '';
    return {
      server: id,
      priority,
      status: outcome.status,
      reason: id === winner?.server ? winner.reason : rule,
      ...(outcome.status === 'ok'
        ? {}
        : { error: { code: outcome.error.code, message: outcome.error.message } }),
      ...(outcome.status === 'failed' ? {} : { freshness: oldestOf(outcome) }),
    };
  });
}

function oldestOf({ freshness, resources }: Outcome): Freshness {
  return resources
    .map((resource) => resource.freshness)
    .reduce((oldest, each) => (each.ageMs > oldest.ageMs ? each : oldest), freshness);
}

/** What the terms mean, by the index of the domain's catalogues. */
function resolveTerms(
  index: ResolverIndex,
  outcomes: readonly Outcome[],
  among: NonNullable<ResolveOptions['among']>,
  question: DomainQuestion,
): readonly DomainTerm[] {
  const options: ResolveOptions = {
    among,
    ...(question.server === undefined ? {} : { server: question.server }),
    ...(question.fuzzy === undefined ? {} : { fuzzy: question.fuzzy }),
    ...(question.all === undefined ? {} : { all: question.all }),
  };
  return (question.terms ?? []).map((term) => {
    const answer = resolveTerm(index, term, options);
    const failed = failedBefore(outcomes, answer.winner);
    if (answer.winner === null || failed.length === 0) return { ...answer, fallback_used: failed.length > 0 };
    const reason = [...failed.map(failureOf), answer.winner.reason].join('; ');
    return { ...answer, winner: { ...answer.winner, reason }, fallback_used: true };
  });
}

function mentionsIn(index: ResolverIndex, question: DomainQuestion): readonly Mention[] | undefined {
  if (question.sentence === undefined) return undefined;
  return findMentions(index, question.sentence, {
    ...(question.server === undefined ? {} : { server: question.server }),
    ...(question.fuzzy === undefined ? {} : { fuzzy: question.fuzzy }),
  });
}

/** Each conflict once, however many terms or mentions met it. */
function conflictsOf(
  answers: readonly { readonly conflicts: readonly DescriptionConflict[] }[],
): readonly DescriptionConflict[] {
  const byText = new Map(
    answers.flatMap(({ conflicts }) => conflicts).map((conflict) => [JSON.stringify(conflict), conflict]),
  );
  return [...byText.values()];
}

/**
 * In the domain of the mappings a term is a column term. Elsewhere it is a product, and a column term only comes
 * along with it, unless nobody there has products.
 */
function amongIn(domain: string, catalogues: readonly Catalogue[]): NonNullable<ResolveOptions['among']> {
  if (domain === COLUMNS_DOMAIN) return 'columns';
  return catalogues.some(({ aliases }) => aliases !== undefined) ? 'entities' : 'either';
}

/** The servers that come before the winner and lack something; without a winner, before the first that lacks nothing. */
function failedBefore(outcomes: readonly Outcome[], winner: Winner | null): readonly Outcome[] {
  const end = outcomes.findIndex(({ server, status }) =>
    winner === null ? status === 'ok' : server.id === winner.server,
  );
  return outcomes.slice(0, end === -1 ? undefined : end).filter(({ status }) => status !== 'ok');
}

function failureOf({ server, status }: Outcome): string {
  return `${server.id} (priority ${server.priority}) is ${status}`;
}

function failureAmong(outcomes: readonly Outcome[]): Error {
  const failed = outcomes.find(({ status }) => status === 'failed');
  return failed?.status === 'failed'
    ? failed.error
    : new NoMCPAvailableError('UPS214', 'no server is usable');
}

function logSelection(
  domain: string,
  { server: winner, priority, reason }: Winner,
  { fallbackUsed, passedOver }: ServerSelection,
  op: Operation,
): void {
  const passed_over = passedOver.map(({ server, status, rule }) => ({ server, status, rule }));
  const fields = { domain, winner, priority, reason, fallback_used: fallbackUsed, passed_over };
  op.log('resolve.domain', fields, fallbackUsed ? 'warn' : 'info');
}

/** Who won and lost by which rule; what was asked is for the user alone. */
function logAnswers(
  domain: string,
  selection: ServerSelection,
  items: readonly DomainTerm[],
  mentions: readonly Mention[] | undefined,
  op: Operation,
): void {
  for (const conflict of conflictsOf([...items, ...(mentions ?? [])])) {
    const { kind, key, winner, losers, rule, differences } = conflict;
    const differing = differences.map(({ field }) => field);
    op.log('resolve.conflict', { domain, kind, key, winner, losers, rule, differing });
  }
  const ties = [...selection.warnings, ...items.flatMap(({ warnings }) => warnings)];
  for (const message of new Set(ties.map((warning) => warning.message))) {
    op.log('resolve.tie', { domain, code: 'RES302', message }, 'warn');
  }
  const count = (wanted: DomainTerm['status']) => items.filter(({ status }) => status === wanted).length;
  op.log('resolve.finished', {
    domain,
    terms: items.length,
    resolved: count('resolved'),
    ambiguous: count('ambiguous'),
    unknown: count('unknown'),
    ...(mentions === undefined ? {} : { mentions: mentions.length }),
  });
}
