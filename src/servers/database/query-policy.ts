import { LRUCache } from 'lru-cache';
import { ServeError } from '../../core/errors.js';
import { checkQuery, loadParser, type PolicyOptions } from './policy.js';
import { PolicyThread } from './policy-thread.js';
import { QueryError } from './query-error.js';

/**
 * The parser and what follows it recurse as deep as a query nests. The worst text of this length takes a few
 * milliseconds and a quarter of the stack that any thread has; longer ones get a thread with a deeper one.
 */
const SHORT_CHARS = 2000;

/**
 * Says which queries may run. A short one is checked at once, since handing it to a thread would take longer than the
 * check; a long one in a thread that it may bring to its end.
 */
export class QueryPolicy {
  private readonly thread: PolicyThread;
  /** Texts that may run under the present options: a dashboard sends the same few again and again. */
  private readonly passed = new LRUCache<string, true>({
    max: 1000,
    maxSize: 4 * 1024 * 1024,
    sizeCalculation: (_, sql) => sql.length + 1,
  });
  /** Not any more once the parser has failed here: it may be damaged, and cannot be loaded a second time. */
  private checksHere = true;
  private closed = false;

  private constructor(
    workerUrl: URL,
    private options: PolicyOptions,
  ) {
    this.thread = new PolicyThread(workerUrl, options);
  }

  /** @throws ServeError SRV405 where the parser is not installed, SRV406 where it does not start */
  static async start(workerUrl: URL, options: PolicyOptions): Promise<QueryPolicy> {
    const policy = new QueryPolicy(workerUrl, options);
    try {
      // A first query shows whether the parser works, and prepares it for the next.
      await loadParser();
      await checkQuery('SELECT 1', options);
    } catch (error) {
      throw startFailure(error);
    }
    return policy;
  }

  /** What is served has changed; holds for the checks that follow. */
  setOptions(options: PolicyOptions): void {
    this.options = options;
    this.passed.clear();
    this.thread.setOptions(options);
  }

  /** @throws QueryError why the query is refused */
  async check(sql: string): Promise<void> {
    if (this.closed) throw new QueryError('SQL505', '57P01', 'The database server is stopping.');
    if (this.passed.get(sql) === true) return;
    const { options } = this;
    if (sql.length > SHORT_CHARS || !(await this.checkHere(sql))) await this.thread.check(sql);
    // What was let through under earlier options must be looked at again.
    if (options === this.options) this.passed.set(sql, true);
  }

  async close(): Promise<void> {
    this.closed = true;
    await this.thread.close();
  }

  /**
   * @returns false where nobody has said yet whether it may run
   * @throws QueryError why it is refused
   */
  private async checkHere(sql: string): Promise<boolean> {
    if (!this.checksHere) return false;
    try {
      await checkQuery(sql, this.options);
      return true;
    } catch (error) {
      if (error instanceof QueryError) throw error;
      this.checksHere = false;
      return false;
    }
  }
}

function startFailure(error: unknown): ServeError {
  const { code } = error as { readonly code?: unknown };
  if (code === 'MODULE_NOT_FOUND' || code === 'ERR_MODULE_NOT_FOUND') {
    return new ServeError('SRV405', 'The SQL parser is not installed.', {
      hint: 'Install it beside mcpx: npm install libpg-query',
      fix: 'npm install libpg-query',
      cause: error,
    });
  }
  return new ServeError('SRV406', 'The SQL parser does not start.', {
    hint: 'Reinstall mcpx; if it goes on, report it with the cause below.',
    cause: error,
  });
}
