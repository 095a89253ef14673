// A closed loop of requests to one MCP endpoint of the older era. On bare sockets: with two cores, a client on
// node:http would cost as much as a good gateway does, and all of them would look alike.
import { once } from 'node:events';
import net from 'node:net';

const INITIALIZE = {
  method: 'initialize',
  params: {
    protocolVersion: '2025-11-25',
    capabilities: {},
    clientInfo: { name: 'load-client', version: '1.0.0' },
  },
};
const ACCEPT = 'application/json, text/event-stream';
const ANSWER_LIMIT_MS = 30_000;
const IDLE_LIMIT_MS = 1000;
const RUN_LIMIT_MS = 10 * 60_000;

/** One kept-alive connection: a request at a time, its answer's status, head and body. */
class Connection {
  #socket;
  #rest = '';
  #settle;
  #usedAt = performance.now();

  constructor({ hostname, port }) {
    this.#socket = net.connect({ host: hostname.replace(/^\[|\]$/g, ''), port: Number(port), noDelay: true });
    // One character a byte: what is compared is ASCII, and the framing counts bytes.
    this.#socket.setEncoding('latin1');
    this.#socket.on('data', (text) => {
      this.#rest = this.#rest === '' ? text : this.#rest + text;
      const answer = takeAnswer(this.#rest);
      if (answer === undefined) return;
      this.#rest = answer.rest;
      this.#usedAt = performance.now();
      this.#settle?.resolve(answer);
    });
    const fail = (error) => this.#settle?.reject(error);
    this.#socket.on('error', fail);
    this.opened = this.#socket.readyState === 'open' ? Promise.resolve() : once(this.#socket, 'connect');
    this.opened.catch(() => undefined);
    this.#socket.on('close', () => fail(new Error('the connection was closed')));
  }

  /** Servers close what was idle for some seconds, and what is sent at that moment is lost. */
  get isFresh() {
    return !this.#socket.destroyed && performance.now() - this.#usedAt < IDLE_LIMIT_MS;
  }

  send(text) {
    return new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
      this.#socket.write(text, 'latin1');
    });
  }

  close() {
    this.#settle = undefined;
    this.#socket.destroy();
  }
}

/** @returns the first whole HTTP answer of a text, and what comes after it; undefined while it is not whole */
function takeAnswer(text) {
  const headEnd = text.indexOf('\r\n\r\n');
  if (headEnd === -1) return undefined;
  const head = text.slice(0, headEnd);
  const status = Number(head.slice(9, 12));
  let at = headEnd + 4;
  const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
  if (length !== undefined) {
    const end = at + Number(length);
    return text.length < end ? undefined : { status, head, body: text.slice(at, end), rest: text.slice(end) };
  }
  if (!/\r\ntransfer-encoding: *chunked/i.test(head)) return { status, head, body: '', rest: text.slice(at) };
  let body = '';
  for (;;) {
    const lineEnd = text.indexOf('\r\n', at);
    if (lineEnd === -1) return undefined;
    const size = Number.parseInt(text.slice(at, lineEnd), 16);
    if (Number.isNaN(size)) throw new Error(`no chunk: ${text.slice(at, at + 40)}`);
    const end = lineEnd + 2 + size;
    if (text.length < end + 2) return undefined;
    if (size === 0) return { status, head, body, rest: text.slice(end + 2) };
    body += text.slice(lineEnd + 2, end);
    at = end + 2;
  }
}

/** A session with one endpoint, over Streamable HTTP or over HTTP+SSE. */
export class LoadClient {
  #url;
  #isSse;
  #headers = { 'content-type': 'application/json', accept: ACCEPT };
  #lastId = 0;
  #idle = [];
  #stream;
  /** Requests over SSE that wait for their answer, by id. */
  #waiting = new Map();

  constructor({ url, transport }) {
    this.#url = new URL(url);
    this.#isSse = transport === 'sse';
  }

  async connect() {
    if (this.#isSse) this.#url = await this.#openStream();
    const { head } = await this.#post({ jsonrpc: '2.0', id: (this.#lastId += 1), ...INITIALIZE });
    const session = /\r\nmcp-session-id: *(\S+)/i.exec(head)?.[1];
    if (session !== undefined) this.#headers['mcp-session-id'] = session;
    this.#headers['mcp-protocol-version'] = '2025-11-25';
    await this.#post({ jsonrpc: '2.0', method: 'notifications/initialized' });
  }

  /** Asks once. @returns the result @throws what the server answers instead */
  async request(method, params = {}) {
    const { status, body } = await this.#post({ jsonrpc: '2.0', id: (this.#lastId += 1), method, params });
    const { result, error } = parseBody(body) ?? {};
    if (result === undefined) throw new Error(`${method}: HTTP ${status}: ${JSON.stringify(error ?? body)}`);
    return result;
  }

  /**
   * Has `concurrency` loops ask one request after the other for a time, each answer checked for what it must contain.
   *
   * @param tasks  `{ method, params, expected }`, taken in turn
   * @returns how long each request took and the whole, in milliseconds
   */
  async run(tasks, { concurrency, durationMs = RUN_LIMIT_MS, requests = Infinity }) {
    const prepared = tasks.map(({ method, params, expected }) => ({
      expected,
      text: JSON.stringify({ method, params }).slice(1),
    }));
    const latencies = [];
    let begun = 0;
    // Connecting is not what is measured.
    const connections = Array.from({ length: concurrency }, () => this.#take());
    await Promise.all(connections.map((connection) => connection.opened));
    const startedAt = performance.now();
    const loop = async (connection) => {
      while (begun < requests && performance.now() - startedAt < durationMs) {
        const { text, expected } = prepared[begun % prepared.length];
        begun += 1;
        const id = (this.#lastId += 1);
        const at = performance.now();
        const { body } = await this.#send(connection, `{"jsonrpc":"2.0","id":${id},${text}`, id);
        latencies.push(performance.now() - at);
        // As it stands in a text of JSON within JSON, with its quotes.
        if (!body.includes(expected) || !body.includes(`"id":${id}`)) {
          throw new Error(`expected ${expected} in: ${body.slice(0, 300)}`);
        }
      }
      this.#idle.push(connection);
    };
    await limited(Promise.all(connections.map(loop)), durationMs + ANSWER_LIMIT_MS);
    return { latencies, elapsedMs: performance.now() - startedAt };
  }

  /** Leaves nothing open but the event stream. */
  closeIdle() {
    for (const connection of this.#idle.splice(0)) connection.close();
  }

  close() {
    this.#stream?.destroy();
    this.closeIdle();
  }

  #take() {
    for (let idle = this.#idle.pop(); idle !== undefined; idle = this.#idle.pop()) {
      if (idle.isFresh) return idle;
      idle.close();
    }
    return new Connection(this.#url);
  }

  async #post(message) {
    const connection = this.#take();
    const answer = await limited(
      this.#send(connection, JSON.stringify(message), message.id),
      ANSWER_LIMIT_MS,
      message.method,
    );
    this.#idle.push(connection);
    return answer;
  }

  async #send(connection, body, id) {
    const { pathname, search, host } = this.#url;
    const lines = Object.entries(this.#headers).map(([name, value]) => `${name}: ${value}\r\n`);
    const head = `POST ${pathname}${search} HTTP/1.1\r\nhost: ${host}\r\n${lines.join('')}`;
    const answered =
      this.#isSse && id !== undefined
        ? new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }))
        : undefined;
    // Where the POST fails first, that is what is told.
    answered?.catch(() => undefined);
    const posted = await connection.send(`${head}content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
    if (posted.status > 299) throw new Error(`HTTP ${posted.status}: ${posted.body.slice(0, 300)}`);
    return answered === undefined ? posted : { ...posted, body: await answered };
  }

  /** @returns the address that messages go to */
  #openStream() {
    const { pathname, search, host, hostname, port } = this.#url;
    this.#stream = net.connect({ host: hostname, port: Number(port) }).setEncoding('latin1');
    this.#stream.write(
      `GET ${pathname}${search} HTTP/1.1\r\nhost: ${host}\r\naccept: text/event-stream\r\n\r\n`,
    );
    let rest = '';
    return new Promise((resolve, reject) => {
      this.#stream.on('error', reject);
      this.#stream.on('close', () => {
        const error = new Error('the event stream ended');
        reject(error);
        for (const { reject: fail } of this.#waiting.values()) fail(error);
      });
      this.#stream.on('data', (text) => {
        rest += text;
        for (let end = rest.indexOf('\n\n'); end !== -1; end = rest.indexOf('\n\n')) {
          // Chunks begin anywhere, but their sizes stand on lines of their own, which are no fields of an event.
          const event = rest.slice(0, end).replace(/\r\n[0-9a-f]+\r\n/gi, '');
          rest = rest.slice(end + 2);
          const data = /(?:^|\n)data: ?(.*)/.exec(event)?.[1]?.trim() ?? '';
          if (/(?:^|\n)event: ?endpoint/.test(event)) resolve(new URL(data, this.#url));
          else this.#deliver(data);
        }
      });
    });
  }

  #deliver(data) {
    const id = Number(/"id":(\d+)/.exec(data.slice(-30))?.[1] ?? /"id":(\d+)/.exec(data)?.[1]);
    this.#waiting.get(id)?.resolve(data);
    this.#waiting.delete(id);
  }
}

/** The message of an answer's body, which is JSON or an event stream. */
function parseBody(body) {
  const decode = (text) => JSON.parse(Buffer.from(text, 'latin1').toString());
  if (body.startsWith('{')) return decode(body);
  for (const line of body.split('\n')) {
    if (!line.startsWith('data:') || line.trim() === 'data:') continue;
    const message = decode(line.slice('data:'.length));
    if (message.id !== undefined) return message;
  }
  return undefined;
}

async function limited(promise, ms, what = 'the load') {
  let timer;
  const limit = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: no answer within ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([promise, limit]);
  } finally {
    clearTimeout(timer);
  }
}
