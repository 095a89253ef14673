import type { ChildProcess, SpawnOptions } from 'node:child_process';
import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ServerConfig } from '../config/config.js';
import { MCPConnectionError } from '../errors.js';
import { createOperationId } from '../operation.js';
import { quote } from './circumstances.js';
import { hasLivingMember, Strays } from './strays.js';

export interface ChildOptions {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly cwd?: string;
}

/** How long a child may take for each step of going: after its input closed, and after SIGTERM. */
const GRACE_MS = 150;
const TERM_MS = 3000;
/** The same for descendants that left its group, after it has gone. */
const STRAYS_MS = 1000;
const POLL_MS = 10;
/** What is kept of a child's error output, to explain why it failed. */
const STDERR_BYTES = 4096;

/** Loaded when the first child is started: most gathers go over HTTP, and this costs 3 ms of a start. */
function spawn(command: string, args: readonly string[], options: SpawnOptions): ChildProcess {
  return process.getBuiltinModule('node:child_process').spawn(command, args, options);
}

/** Stands in the environment of whatever a child starts, so that it is found wherever it went. */
const MARK = 'MCPX_CHILD';
let family: string | undefined;
let started = 0;

/** Children that still live, so that a crash of ours takes them along. */
const living = new Set<Child>();
let exitHookIsSet = false;

/**
 * A child process with all of its descendants, in a process group of its own: without a shell, and gone when
 * `stop` returns. A watchdog stops the group if mcpx itself is killed.
 */
export class Child {
  readonly process: ChildProcess;
  readonly exited: Promise<void>;
  readonly #strays: Strays;
  #stderr = '';
  #stopping: Promise<void> | undefined;

  private constructor(child: ChildProcess, mark: string) {
    this.process = child;
    this.#strays = new Strays(child.pid ?? NaN, `${MARK}=${mark}`);
    this.exited = new Promise((resolve) => {
      child.once('exit', () => resolve());
      child.once('error', () => resolve());
    });
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr += text;
      if (this.#stderr.length <= STDERR_BYTES) return;
      const kept = this.#stderr.slice(-STDERR_BYTES);
      // Whole lines, or words of a single one: half a secret is not recognised as one.
      this.#stderr = kept.slice((kept.includes('\n') ? kept.indexOf('\n') : kept.search(/\s/)) + 1);
    });
    // A child that closes its input early is reported by its exit, not by our writing.
    child.stdin?.on('error', () => undefined);
  }

  /** @throws MCPConnectionError UPS216 where the command cannot be run */
  static async start(options: ChildOptions): Promise<Child> {
    started += 1;
    // To be told apart, not to be unguessable: whoever bears another's mark is stopped with the other's children.
    family ??= createOperationId();
    const mark = `${family}-${started}`;
    // Before the child: mcpx may be killed as soon as it is there.
    watchdog ??= startWatchdog(family);
    let child: ChildProcess;
    try {
      child = spawn(options.command, options.args, {
        env: { ...options.env, [MARK]: mark },
        ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
        stdio: ['pipe', 'pipe', 'pipe'],
        shell: false,
        // A group of its own: Ctrl-C reaches mcpx alone, which then stops the whole group in order.
        detached: process.platform !== 'win32',
        windowsHide: true,
      });
    } catch (cause) {
      // A null byte in an argument, a path through a file, too long an argument list: Node throws these at once.
      dismissWatchdog();
      throw cannotRun(options, cause);
    }
    const guarded = new Child(child, mark);
    if (child.pid === undefined) dismissWatchdog();
    else guarded.#guard();
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve);
      child.once('error', (cause) => reject(cannotRun(options, cause)));
    });
    return guarded;
  }

  get pid(): number {
    const { pid } = this.process;
    // Never a number that stands for other processes when it is negated.
    if (pid === undefined) throw new MCPConnectionError('UPS216', 'the process did not start');
    return pid;
  }

  /** Whether the child itself (not its descendants) has ended. */
  get hasExited(): boolean {
    return this.process.exitCode !== null || this.process.signalCode !== null;
  }

  /**
   * What the child's error output says about why it ended: its last line that names an error, else its last line. A
   * crash of Node ends with its version, which explains nothing.
   */
  lastWords(redact: (text: string) => string): { cause?: Error } {
    const lines = this.#stderr
      .split('\n')
      .map((line) => line.trim())
      .filter((line) => line !== '');
    const telling =
      lines.findLast((line) => /error|cannot|fail/i.test(line) && !line.startsWith('at ')) ?? lines.at(-1);
    return telling === undefined ? {} : { cause: new Error(quote(telling, redact)) };
  }

  /** How the child ended, in words. */
  describeExit(): string {
    const { exitCode, signalCode } = this.process;
    return signalCode === null ? `exit code ${exitCode ?? '?'}` : `signal ${signalCode}`;
  }

  /**
   * Closes the child's input, then sends SIGTERM, then SIGKILL, each after a grace period, to the whole group; then
   * to what left the group and is still there.
   *
   * @param graceful  false leaves the first step out: a server that does not read its input would only wait
   */
  stop(graceful = true): Promise<void> {
    this.#stopping ??= this.#stop(graceful);
    return this.#stopping;
  }

  async #stop(graceful: boolean): Promise<void> {
    this.process.stdin?.end();
    // Later their parents may have gone.
    this.#strays.look(!this.hasExited);
    if (graceful) await this.#groupEnds(GRACE_MS);
    if (this.#groupLives()) {
      this.#signal('SIGTERM');
      await this.#groupEnds(TERM_MS);
    }
    if (this.#groupLives()) {
      this.#signal('SIGKILL');
      await this.#groupEnds(TERM_MS);
    }
    // Some may have been started since. One child may look after another, so the group had its time first.
    this.#strays.look(false);
    for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
      this.#strays.signal(signal);
      await this.#straysEnd(STRAYS_MS);
    }
    forget(this);
    for (const stream of [this.process.stdout, this.process.stderr, this.process.stdin]) stream?.destroy();
  }

  /** SIGKILL at once, for a process that is about to end. */
  kill(): void {
    this.#strays.look(!this.hasExited);
    if (this.#groupLives()) this.#signal('SIGKILL');
    this.#strays.signal('SIGKILL');
    forget(this);
  }

  async #straysEnd(withinMs: number): Promise<void> {
    const until = performance.now() + withinMs;
    while (this.#strays.living.length > 0 && performance.now() < until) await sleep(POLL_MS);
  }

  async #groupEnds(withinMs: number): Promise<void> {
    const until = performance.now() + withinMs;
    // Descendants give no exit event, so the group is asked; the child's own exit ends the first wait early.
    const timer = new AbortController();
    await Promise.race([
      this.exited,
      sleep(withinMs, undefined, { signal: timer.signal }).catch(() => undefined),
    ]);
    timer.abort();
    while (this.#groupLives() && performance.now() < until) await sleep(POLL_MS);
  }

  #groupLives(): boolean {
    if (process.platform === 'win32') return !this.hasExited;
    try {
      process.kill(-this.pid, 0);
    } catch (error) {
      return (error as NodeJS.ErrnoException).code === 'EPERM';
    }
    // The group is not empty. Once the child itself is gone, what is left may be nothing but dead descendants that
    // nobody has reaped: in a container whose first process does not, they stay for ever.
    return !this.hasExited || process.platform !== 'linux' || hasLivingMember(this.pid);
  }

  #signal(signal: NodeJS.Signals): void {
    try {
      if (process.platform === 'win32') this.process.kill(signal);
      else process.kill(-this.pid, signal);
    } catch {
      // Already gone.
    }
  }

  #guard(): void {
    living.add(this);
    if (!exitHookIsSet) {
      exitHookIsSet = true;
      process.on('exit', () => {
        for (const child of living) child.kill();
      });
    }
    tellWatchdog(`+ ${this.pid}`);
  }
}

/** The machine has no more of something; the command is as it should be. */
const SHORTAGES: Readonly<Record<string, string>> = {
  EMFILE: 'Too many files are open: raise the limit (`ulimit -n`).',
  ENFILE: 'Too many files are open on this machine.',
  EAGAIN: 'Too many processes run: raise the limit (`ulimit -u`).',
  ENOMEM: 'There is not enough memory.',
};

function cannotRun({ command, cwd }: ChildOptions, cause: unknown): MCPConnectionError {
  const code = (cause as { code?: unknown } | null)?.code;
  const isMissing = code === 'ENOENT';
  const folderIsMissing = isMissing && cwd !== undefined && !existsSync(cwd);
  const hint = isMissing
    ? whyMissing(command)
    : (SHORTAGES[String(code)] ?? 'Check its path and permissions.');
  return new MCPConnectionError('UPS216', `the command "${command}" cannot be run`, {
    hint: folderIsMissing ? `Its folder "cwd: ${cwd}" does not exist.` : hint,
    cause,
  });
}

/** What people write who know the command from a shell. */
function whyMissing(command: string): string {
  if (command.startsWith('~/')) return 'No shell reads it: write ${HOME} in place of ~.';
  if (/\S\s+\S/.test(command)) return 'No shell reads it: put what follows the program into "args".';
  return 'Is it installed and on PATH?';
}

function forget(child: Child): void {
  if (!living.delete(child)) return;
  tellWatchdog(`- ${child.pid}`);
  dismissWatchdog();
}

/**
 * One small shell for all children of this process. It keeps a list of their groups as we tell it, reads until our
 * end of the pipe closes, which the kernel does even when we are killed, and then stops what is still on the list, and
 * what bears our mark.
 */
const WATCHDOG = `groups=' '
strays() {
  for file in $(grep -lsF "$1" /proc/[0-9]*/environ 2>/dev/null); do
    file=\${file#/proc/}
    kill -s "$2" "\${file%/environ}" 2>/dev/null
  done
}
while read -r change group; do
  case $change in
    +) groups="$groups$group " ;;
    -) groups="\${groups%% $group *} \${groups#* $group }" ;;
  esac
done
for group in $groups; do kill -s TERM -- "-$group" 2>/dev/null; done
strays "$1" TERM
sleep 2
for group in $groups; do kill -s KILL -- "-$group" 2>/dev/null; done
strays "$1" KILL`;

let watchdog: ChildProcess | undefined;

function startWatchdog(ofFamily: string): ChildProcess | undefined {
  if (process.platform === 'win32') return undefined;
  const shell = spawn('/bin/sh', ['-c', WATCHDOG, 'mcpx-watchdog', `${MARK}=${ofFamily}-`], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
    env: { PATH: '/usr/bin:/bin' },
  });
  // Without a shell on the machine there is no watchdog; everything else still stops the children.
  shell.on('error', () => undefined);
  shell.stdin?.on('error', () => undefined);
  shell.unref();
  (shell.stdin as unknown as { unref?: () => void } | null)?.unref?.();
  return shell;
}

function tellWatchdog(change: string): void {
  watchdog?.stdin?.write(`${change}\n`);
}

/** Where nobody is left to look after. */
function dismissWatchdog(): void {
  if (living.size > 0) return;
  watchdog?.kill('SIGKILL');
  watchdog = undefined;
}

/**
 * Starts the process of a stdio server.
 *
 * @throws MCPConnectionError UPS216 where its command cannot be run
 */
export function startStdioServer(server: ServerConfig): Promise<Child> {
  const { command = '', args, cwd } = server;
  const env = inheritedEnv(server.inheritEnv, server.env);
  const child = Child.start({ command, args, env, ...(cwd === undefined ? {} : { cwd }) });
  // Whoever connects hears of a failure; nobody may be waiting yet.
  child.catch(() => undefined);
  return child;
}

/** Only what is named passes on: a server must not see the credentials of others. */
export function inheritedEnv(
  names: readonly string[],
  own: Readonly<Record<string, string>>,
  from: NodeJS.ProcessEnv = process.env,
): NodeJS.ProcessEnv {
  const inherited = names.flatMap((name) => (from[name] === undefined ? [] : [[name, from[name]] as const]));
  return { ...Object.fromEntries(inherited), ...own };
}
