/** How requests ended: answered, answered with an error, or given up by the client. */
export type RequestOutcome = 'ok' | 'error' | 'cancelled';

export interface MeasuredRequest {
  readonly method: string;
  /** Absent where no server was found, and for merged lists. */
  readonly server?: string | undefined;
  readonly outcome: RequestOutcome;
  readonly durationMs: number;
  /** It was answered without asking the server, so it tells nothing of how fast that is. */
  readonly isKept?: boolean;
}

/** What was asked of one server through the gateway. */
export interface ServerMeasures {
  readonly requests: number;
  readonly errors: number;
  /** Of the last few hundred requests that reached it; `null` before the first one. */
  readonly p50Ms: number | null;
  readonly p95Ms: number | null;
}

/** Upper bounds in seconds, as Prometheus wants them; whatever takes longer comes behind the last one. */
const BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
const RECENT = 512;

interface Series {
  readonly method: string;
  readonly server: string;
  readonly outcomes: Map<RequestOutcome, number>;
  /** How many took as long as each bound and longer than the one before. */
  readonly buckets: number[];
  seconds: number;
  count: number;
}

/** Counts and times of the requests that went through the gateway. Series are as many as methods and servers. */
export class Measures {
  readonly #series = new Map<string, Series>();
  /** Durations by server, the oldest overwritten first. */
  readonly #recent = new Map<string, { readonly durations: number[]; next: number }>();
  listHits = 0;
  listMisses = 0;
  readHits = 0;
  readMisses = 0;

  record({ method, server = '', outcome, durationMs, isKept = false }: MeasuredRequest): void {
    const key = `${method} ${server}`;
    const series = this.#series.get(key) ?? {
      method,
      server,
      outcomes: new Map(),
      buckets: [...BUCKETS, Infinity].map(() => 0),
      seconds: 0,
      count: 0,
    };
    this.#series.set(key, series);
    const seconds = durationMs / 1000;
    series.outcomes.set(outcome, (series.outcomes.get(outcome) ?? 0) + 1);
    let index = 0;
    while (seconds > (BUCKETS[index] ?? Infinity)) index += 1;
    series.buckets[index] = (series.buckets[index] ?? 0) + 1;
    series.seconds += seconds;
    series.count += 1;
    if (!isKept) this.#remember(server, durationMs);
  }

  #remember(server: string, durationMs: number): void {
    const recent = this.#recent.get(server) ?? { durations: [], next: 0 };
    this.#recent.set(server, recent);
    recent.durations[recent.next] = durationMs;
    recent.next = (recent.next + 1) % RECENT;
  }

  of(server: string): ServerMeasures {
    const sorted = (this.#recent.get(server)?.durations ?? []).toSorted((a, b) => a - b);
    return {
      requests: this.#total(server),
      errors: this.#total(server, 'error'),
      p50Ms: quantile(sorted, 0.5),
      p95Ms: quantile(sorted, 0.95),
    };
  }

  /** The series in the text format of Prometheus. */
  lines(): string[] {
    const all = [...this.#series.values()];
    const name = 'mcpx_gateway_request_duration_seconds';
    return [
      '# HELP mcpx_gateway_requests_total Requests of clients by method, answering server and outcome.',
      '# TYPE mcpx_gateway_requests_total counter',
      ...all.flatMap(({ outcomes, ...series }) =>
        [...outcomes].map(
          ([outcome, count]) =>
            `mcpx_gateway_requests_total{${labels({ ...about(series), outcome })}} ${count}`,
        ),
      ),
      `# HELP ${name} Time from a request to its answer.`,
      `# TYPE ${name} histogram`,
      ...all.flatMap(({ buckets, seconds, count, ...series }) => [
        ...cumulated(buckets).map(
          (sum, index) =>
            `${name}_bucket{${labels({ ...about(series), le: String(BUCKETS[index] ?? '+Inf') })}} ${sum}`,
        ),
        `${name}_sum{${labels(about(series))}} ${seconds}`,
        `${name}_count{${labels(about(series))}} ${count}`,
      ]),
    ];
  }

  #total(server: string, outcome?: RequestOutcome): number {
    let total = 0;
    for (const series of this.#series.values()) {
      if (series.server !== server) continue;
      total += outcome === undefined ? series.count : (series.outcomes.get(outcome) ?? 0);
    }
    return total;
  }
}

/** Each count with all before it, as Prometheus wants them. */
function cumulated(counts: readonly number[]): readonly number[] {
  let sum = 0;
  return counts.map((count) => (sum += count));
}

function about({ method, server }: Pick<Series, 'method' | 'server'>): Record<string, string> {
  return { method, server };
}

/** Labels of a sample, with their values escaped as the text format asks for. */
export function labels(values: Readonly<Record<string, string>>): string {
  return Object.entries(values)
    .map(
      ([name, value]) =>
        `${name}="${value.replace(/[\\"]/g, String.raw`\$&`).replaceAll('\n', String.raw`\n`)}"`,
    )
    .join(',');
}

function quantile(sorted: readonly number[], share: number): number | null {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? null;
}
