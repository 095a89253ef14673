/** One observation of the suite; several may have the same id. */
export interface Check {
  readonly id: string;
  readonly name: string;
  readonly status: 'SUCCESS' | 'FAILURE' | 'WARNING' | 'SKIPPED' | 'INFO';
  readonly errorMessage?: string;
}

export interface ScenarioResult {
  readonly checks: readonly Check[];
  /** Whether the client that was started came to the end of its script; always, where the suite is the client. */
  readonly isFinished: boolean;
  /** The last that a client which did not has said. */
  readonly lastWords?: string;
}

/** What one run of the suite saw, by scenario. */
export type LegResult = ReadonlyMap<string, ScenarioResult>;

/** Why a scenario does not count as passed. */
export interface Shortcoming {
  /** The id of the check; empty where it is about the whole scenario. */
  readonly check: string;
  readonly why: string;
}

export interface Legs {
  readonly ours: LegResult;
  /** The same scenarios against the plain SDK. */
  readonly plain: LegResult;
  /** And against a client that does nothing, where we are the client. */
  readonly nobody?: LegResult;
}

/** From bad to good, so that of several observations the worst one counts. */
const WORST_FIRST = ['FAILURE', 'WARNING', 'SKIPPED', 'INFO', 'SUCCESS'] as const;

/**
 * What is missing for a scenario to count as passed: no check may fail, and every one that the plain SDK passes must have
 * been made, and passed.
 */
export function shortcomingsOf(scenario: string, { ours, plain, nobody }: Legs): readonly Shortcoming[] {
  const result = ours.get(scenario);
  if (result === undefined) return [{ check: '', why: 'the scenario did not run' }];
  const seen = byKey(result);
  const expected = byKey(plain.get(scenario));
  const shortcomings: Shortcoming[] = [];
  if (!result.isFinished) {
    shortcomings.push({ check: '', why: `the client did not come to its end: ${result.lastWords ?? ''}` });
  }
  const passedByPlain = [...expected.values()].filter(({ status }) => status === 'SUCCESS');
  if (passedByPlain.length === 0) {
    shortcomings.push({ check: '', why: 'the plain SDK passes nothing of it, so nothing is compared' });
  }
  for (const [key, { id, status }] of expected) {
    const check = seen.get(key);
    if (status === 'SUCCESS' && check?.status !== 'SUCCESS' && check?.status !== 'FAILURE') {
      shortcomings.push({ check: id, why: describe(check) });
    }
  }
  for (const check of seen.values()) {
    if (check.status === 'FAILURE') shortcomings.push({ check: check.id, why: describe(check) });
  }
  if (nobody !== undefined && !provesSomething(seen, byKey(nobody.get(scenario)))) {
    shortcomings.push({ check: '', why: 'it passes nothing that does not pass without a client' });
  }
  return shortcomings;
}

/** A scenario, or one check of it as `<scenario>:<check>`, that does not apply. */
export interface Excuse {
  readonly subject: string;
  readonly reason: string;
}

export interface Verdict {
  /** What keeps the scenario from being passed, and nobody has excused. */
  readonly unexcused: readonly Shortcoming[];
  /** Excuses that excuse nothing: it passes after all. */
  readonly stale: readonly Excuse[];
}

export function judge(scenario: string, legs: Legs, excuses: readonly Excuse[]): Verdict {
  const shortcomings = shortcomingsOf(scenario, legs);
  const covers = ({ subject }: Excuse, { check }: Shortcoming) =>
    subject === scenario || subject === `${scenario}:${check}`;
  const about = excuses.filter(({ subject }) => subject === scenario || subject.startsWith(`${scenario}:`));
  return {
    unexcused: shortcomings.filter((shortcoming) => !about.some((excuse) => covers(excuse, shortcoming))),
    stale: about.filter((excuse) => !shortcomings.some((shortcoming) => covers(excuse, shortcoming))),
  };
}

function provesSomething(seen: ReadonlyMap<string, Check>, without: ReadonlyMap<string, Check>): boolean {
  return [...seen].some(
    ([key, { status }]) => status === 'SUCCESS' && without.get(key)?.status !== 'SUCCESS',
  );
}

function describe(check: Check | undefined): string {
  if (check === undefined) return 'the check was never made';
  return `${check.status}${check.errorMessage === undefined ? '' : `: ${check.errorMessage}`}`;
}

function byKey(result: ScenarioResult | undefined): ReadonlyMap<string, Check> {
  const worst = new Map<string, Check>();
  for (const check of result?.checks ?? []) {
    const key = `${check.id}/${check.name}`;
    const other = worst.get(key);
    if (other === undefined || rank(check) < rank(other)) worst.set(key, check);
  }
  return worst;
}

function rank({ status }: Check): number {
  return WORST_FIRST.indexOf(status);
}
