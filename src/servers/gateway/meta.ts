import type { CatalogueConflict, Offered } from './catalogue.js';
import type { MergedList, ServerOutcome } from './gateway.js';
import { KINDS } from './kinds.js';

type Meta = Readonly<Record<string, unknown>>;

/** Keys of ours in `_meta`; and those of the protocol itself, which belong to the hop they came over. */
const OURS = 'mcpx/';
const RESERVED = 'io.modelcontextprotocol/';
/** W3C trace context: of the reserved keys the ones that are meant to travel on. */
const TRACE_CONTEXT = new Set(['traceparent', 'tracestate', 'baggage']);

/** An entry stays as it is for as long as its catalogue, and is in each list that a client asks for. */
const described = new WeakMap<Offered, Meta>();

/** An entry as clients see it: verbatim but for a name that was prefixed, with who has it in `_meta`. */
export function describeEntry(offered: Offered): Meta {
  const known = described.get(offered) ?? toEntry(offered);
  described.set(offered, known);
  return known;
}

function toEntry(offered: Offered): Meta {
  const { kind, server, entry, exposed, conflict } = offered;
  const ours = {
    'mcpx/server': server.id,
    'mcpx/priority': server.priority,
    ...(exposed === entry.key ? {} : { 'mcpx/name': entry.key }),
    ...(conflict === undefined ? {} : { 'mcpx/conflict': describeConflict(conflict) }),
  };
  return {
    ...entry.value,
    ...(exposed === entry.key ? {} : { [KINDS[kind].keyName]: exposed }),
    _meta: { ...passedOn(entry.value['_meta']), ...ours },
  };
}

/** What a merged list says of itself: how each server fared, and who lost what to whom. */
export function describeList({ outcomes, conflicts, isComplete }: MergedList): Meta {
  return {
    'mcpx/complete': isComplete,
    'mcpx/servers': Object.fromEntries(
      outcomes.map((outcome) => [outcome.upstream.server.id, describeOutcome(outcome)]),
    ),
    ...(conflicts.length === 0 ? {} : { 'mcpx/conflicts': conflicts.map(describeConflict) }),
  };
}

function describeOutcome({ upstream, outcome }: ServerOutcome): Meta {
  const { priority, required } = upstream.server;
  const entries = 'held' in outcome ? { entries: outcome.held.entries.length } : {};
  const age = outcome.status === 'stale' ? { age_ms: Math.round(performance.now() - outcome.held.at) } : {};
  const error =
    outcome.error === undefined
      ? {}
      : { error: { code: outcome.error.code, message: outcome.error.message } };
  return { status: outcome.status, priority, required, ...entries, ...age, ...error };
}

function describeConflict({ kind, key, winner, rule, others }: CatalogueConflict): Meta {
  return { kind: KINDS[kind].keyName, key, winner, rule, others };
}

/** Whether a key of `_meta` says whose trace a request belongs to. */
export function isTraceContext(key: string): boolean {
  return TRACE_CONTEXT.has(key);
}

/** The `_meta` of a result or an entry of a server, with who gave it. */
export function attributed(meta: unknown, server: { readonly id: string; readonly priority: number }): Meta {
  return { ...passedOn(meta), 'mcpx/server': server.id, 'mcpx/priority': server.priority };
}

/** What of a `_meta` travels on: not what only we may say, nor what was between its sender and us. */
export function passedOn(meta: unknown): Meta {
  if (typeof meta !== 'object' || meta === null) return {};
  return Object.fromEntries(
    Object.entries(meta).filter(
      ([key]) =>
        !key.startsWith(OURS) && (!key.startsWith(RESERVED) || TRACE_CONTEXT.has(key.slice(RESERVED.length))),
    ),
  );
}
