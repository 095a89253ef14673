import type { JSONRPCMessage } from '@modelcontextprotocol/client';
import { MCPConnectionError } from '../errors.js';
import type { Child } from './child-process.js';
import { tooLarge } from './http.js';
import { parseMessages } from './messages.js';
import type { ConnectPhase, LeanTransport } from './transport.js';

const LINE_BREAK = 0x0a;

/**
 * Newline-delimited JSON-RPC over a child's standard input and output, for the SDK's client.
 *
 * Unlike the SDK's own it stops all descendants of the child, passes on no environment but the named, and bounds
 * a message while it arrives. Lines that are no message are passed over: many servers print a greeting.
 */
export class StdioTransport implements LeanTransport {
  onclose?: () => void;
  onerror?: (error: Error) => void;
  onmessage?: (message: JSONRPCMessage) => void;
  failure: Error | undefined;
  readonly #started: Promise<Child>;
  readonly #maxBytes: number;
  readonly #redact: (text: string) => string;
  #child: Child | undefined;
  #parts: Buffer[] = [];
  #size = 0;
  #closing: Promise<void> | undefined;

  /** @param started  the child, which may be coming up while the rest of mcpx still loads */
  constructor(started: Promise<Child>, maxBytes: number, redact: (text: string) => string) {
    this.#redact = redact;
    this.#started = started;
    this.#maxBytes = maxBytes;
  }

  /** A process that ends before it has agreed on anything did not start. */
  get phase(): ConnectPhase {
    return this.#child === undefined || this.failure !== undefined ? 'start' : 'negotiate';
  }

  /** @throws MCPConnectionError UPS216 where the command cannot be run */
  async start(): Promise<void> {
    const child = await this.#started;
    this.#child = child;
    child.process.stdout?.on('data', (chunk: Buffer) => this.#read(chunk));
    // Not the exit but the end of its output: what it said before it died still counts.
    child.process.once('close', () => this.#fail(this.#endedError()));
  }

  async send(message: JSONRPCMessage): Promise<void> {
    const input = this.#child?.process.stdin;
    if (input === undefined || input === null || !input.writable) {
      // Its end is being told by its own event, with the reason.
      await this.#started.then((child) => child.exited);
      throw this.failure ?? this.#endedError();
    }
    // Whatever is asked in one turn goes out in one write: each write to a pipe is a system call that waits.
    if (input.writableCorked === 0) {
      input.cork();
      process.nextTick(() => input.uncork());
    }
    if (!input.write(`${JSON.stringify(message)}\n`)) {
      await new Promise<void>((resolve) => {
        input.once('drain', resolve);
        input.once('close', resolve);
      });
    }
  }

  /** Also whoever comes later waits until the process has ended. */
  close(): Promise<void> {
    if (this.#closing === undefined) {
      this.#closing = this.#started.then((child) => child.stop()).catch(() => undefined);
      this.onclose?.();
    }
    return this.#closing;
  }

  #endedError(): MCPConnectionError {
    const child = this.#child;
    return new MCPConnectionError(
      'UPS222',
      `the server process ended (${child?.describeExit() ?? 'at its start'})`,
      {
        hint: 'Run its command by hand to see what it says.',
        ...child?.lastWords(this.#redact),
      },
    );
  }

  #read(chunk: Buffer): void {
    const end = chunk.lastIndexOf(LINE_BREAK);
    if (end !== -1) {
      this.#parts.push(chunk.subarray(0, end));
      // Answers come several at a time, and are decoded together.
      const whole = this.#parts.length === 1 ? chunk.subarray(0, end) : Buffer.concat(this.#parts);
      this.#parts = [];
      this.#size = 0;
      for (const line of whole.toString('utf8').split('\n')) {
        const text = line.trim();
        if (text !== '') this.#deliver(text);
      }
    }
    if (end + 1 === chunk.length) return;
    this.#parts.push(chunk.subarray(end + 1));
    this.#size += chunk.length - end - 1;
    if (this.#size > this.#maxBytes) this.#fail(tooLarge(this.#maxBytes));
  }

  #deliver(line: string): void {
    try {
      for (const message of parseMessages(line)) this.onmessage?.(message);
    } catch (error) {
      // A greeting is passed over. A broken message was somebody's answer, who would wait for it in vain.
      if (/^[[{].*"jsonrpc"/.test(line)) this.#fail(error as Error);
      else this.onerror?.(error as Error);
    }
  }

  #fail(error: Error): void {
    if (this.#closing !== undefined) return;
    this.failure = error;
    void this.close();
  }
}
