import type { Client } from '@modelcontextprotocol/client';
import { describe, expect, it } from 'vitest';
import { CLIENT_KINDS, startTestGateway, type ClientKind } from '../../fixtures/gateway.js';
import { startToolUpstream, type ToolUpstream } from '../../fixtures/tool-upstream.js';

const UPSTREAMS = {
  sse: ({ sseUrl }: ToolUpstream) => ({ url: sseUrl, transport: 'sse' }),
  legacy: ({ mcpUrl }: ToolUpstream) => ({ url: mcpUrl, transport: 'streamable-http', protocol: 'legacy' }),
  modern: ({ mcpUrl }: ToolUpstream) => ({
    url: mcpUrl,
    transport: 'streamable-http',
    protocol: '2026-07-28',
  }),
} as const;
type UpstreamKind = keyof typeof UPSTREAMS;
const UPSTREAM_KINDS = Object.keys(UPSTREAMS) as UpstreamKind[];

const CAPABILITIES = { elicitation: { form: {} }, sampling: {}, roots: {} };

/** Answers what it is asked, in its own name. */
function answerAs(client: Client, name: string, pause: Promise<void> = Promise.resolve()): void {
  client.setRequestHandler('elicitation/create', async ({ params }) => {
    expect(params.message).toBe('Who are you?');
    await pause;
    return { action: 'accept', content: { name } };
  });
  client.setRequestHandler('roots/list', () => ({ roots: [{ uri: `file:///${name}` }] }));
  client.setRequestHandler('sampling/createMessage', () => ({
    model: 'm',
    role: 'assistant',
    content: { type: 'text', text: `${name} thinks` },
  }));
}

const textOf = ({ content }: { content?: unknown }) =>
  (content as { text?: string }[] | undefined)?.map(({ text }) => text).join('') ?? '';
/** A failed call as its text, whichever way it fails. */
const call = (client: Client) =>
  client.callTool({ name: 'ask' }).then(textOf, (error: unknown) => (error as Error).message);

describe('what a server asks', () => {
  for (const upstreamKind of UPSTREAM_KINDS) {
    for (const clientKind of CLIENT_KINDS) {
      const isPassed = upstreamKind === 'modern' || clientKind !== 'modern';
      const outcome = isPassed ? 'reaches' : 'is refused, since it cannot reach';
      it(`over ${upstreamKind} ${outcome} a ${clientKind} client`, async () => {
        await using a = await startToolUpstream({ name: 'a', asking: true });
        await using gateway = await startTestGateway({ a: UPSTREAMS[upstreamKind](a) });
        const client = await gateway.client(clientKind, { capabilities: CAPABILITIES });
        answerAs(client, 'Ada');
        const said = await call(client);
        if (!isPassed) {
          expect(said).toContain('The client behind the gateway speaks 2026-07-28');
          return;
        }
        expect(JSON.parse(said)).toMatchObject({
          who: { kind: 'elicit', action: 'accept', content: { name: 'Ada' } },
          roots: { kind: 'roots', roots: [{ uri: 'file:///Ada' }] },
          thought: { kind: 'sampling', result: { content: { text: 'Ada thinks' } } },
        });
      });
    }

    it(`over ${upstreamKind} while it is read is for each client to answer`, async () => {
      await using a = await startToolUpstream({ name: 'a', asking: true });
      const settings = { ...UPSTREAMS[upstreamKind](a), cache: { ttl: 300 } };
      await using gateway = await startTestGateway({ a: settings });
      const [ada, bob, mute] = [
        await gateway.client('legacy', { capabilities: CAPABILITIES }),
        await gateway.client(upstreamKind === 'modern' ? 'modern' : 'sse', { capabilities: CAPABILITIES }),
        await gateway.client('legacy'),
      ];
      let letGo: () => void = () => undefined;
      const pause = new Promise<void>((resolve) => (letGo = resolve));
      answerAs(ada, 'Ada', pause);
      answerAs(bob, 'Bob', pause);
      const uri = 'who://you';
      const read = (client: Client) =>
        client.readResource({ uri }, { cacheMode: 'bypass' }).then(
          ({ contents }) => (contents[0] as { text: string }).text,
          (error: unknown) => (error as Error).message,
        );
      const first = read(ada);
      await a.until(() => a.reads.length > 0);
      // One connection for all tells no two clients apart: there they take turns.
      const isShared = upstreamKind === 'sse';
      if (isShared) letGo();
      if (isShared) await first;
      const others = [read(bob), read(mute)];
      await bob.listTools();
      if (isShared) await others[0];
      letGo();
      expect(await first).toContain('"Ada"');
      expect(await others[0]).toContain('"Bob"');
      const stateOf = (text: string) => (JSON.parse(text) as { state?: string }).state;
      if (upstreamKind === 'modern') {
        expect(stateOf((await others[0])!)).toMatch(/^asked/);
        expect(stateOf((await others[0])!)).not.toBe(stateOf(await first));
      }
      expect(await others[1]).not.toMatch(/Ada|Bob/);
      expect(await read(ada)).toContain('"Ada"');
    });

    it(`over ${upstreamKind} is not refused to one who can answer because another cannot`, async () => {
      await using a = await startToolUpstream({ name: 'a', asking: true });
      const settings = { ...UPSTREAMS[upstreamKind](a), cache: { ttl: 300 } };
      await using gateway = await startTestGateway({ a: settings });
      const mute = await gateway.client('legacy');
      const ada = await gateway.client('legacy', { capabilities: CAPABILITIES });
      answerAs(ada, 'Ada');
      let letGo: () => void = () => undefined;
      a.gate = new Promise<void>((resolve) => (letGo = resolve));
      const uri = 'who://you';
      const refused = mute.readResource({ uri }).then(
        () => 'answered',
        () => 'refused',
      );
      await a.until(() => a.reads.length > 0);
      const answered = ada.readResource({ uri });
      await ada.listTools();
      letGo();
      expect(await refused).toBe('refused');
      // Where one connection serves both, nobody knows whom the first question is for.
      if (upstreamKind !== 'sse') expect(JSON.stringify(await answered)).toContain('Ada');
      else await answered.catch(() => undefined);
    });

    it(`over ${upstreamKind} is refused where the client cannot answer`, async () => {
      await using a = await startToolUpstream({ name: 'a', asking: true });
      await using gateway = await startTestGateway({ a: UPSTREAMS[upstreamKind](a) });
      const kinds: readonly ClientKind[] =
        upstreamKind === 'modern' ? ['sse', 'legacy', 'modern'] : ['sse', 'legacy'];
      for (const kind of kinds) {
        const said = await call(await gateway.client(kind));
        expect(said).toMatch(/does not support elicitation|do(es)? not declare|not support/);
      }
    });
  }

  it('over Streamable HTTP reaches the client whose call it belongs to, of several', async () => {
    await using a = await startToolUpstream({ name: 'a', asking: true });
    await using gateway = await startTestGateway({ a: UPSTREAMS.legacy(a) });
    const names = ['Ada', 'Ben', 'Cleo'];
    let resume: () => void = () => undefined;
    const pause = new Promise<void>((resolve) => (resume = resolve));
    const clients = await Promise.all(
      names.map(async (name) => {
        const client = await gateway.client('legacy', { capabilities: CAPABILITIES });
        answerAs(client, name, pause);
        return client;
      }),
    );
    const calls = clients.map(call);
    await a.until(() => a.calls.length === 3);
    resume();
    const said = (await Promise.all(calls)).map((text) => JSON.parse(text) as object);
    expect(said).toMatchObject(names.map((name) => ({ who: { content: { name } } })));
  });

  it('over SSE is refused while several clients might be meant', async () => {
    await using a = await startToolUpstream({ name: 'a', asking: true });
    await using gateway = await startTestGateway({ a: UPSTREAMS.sse(a) });
    const one = await gateway.client('legacy', { capabilities: CAPABILITIES });
    const two = await gateway.client('legacy', { capabilities: CAPABILITIES });
    answerAs(one, 'Ada');
    const waiting = two.callTool({ name: 'wait' });
    await a.until(() => a.calls.includes('wait'));
    expect(await call(one)).toContain('2 clients have requests at this server');
    a.release();
    await waiting;
    expect(JSON.parse(await call(one))).toMatchObject({ who: { content: { name: 'Ada' } } });
  });

  it('may take a person longer than the timeout of the server', async () => {
    await using a = await startToolUpstream({ name: 'a', asking: true });
    await using gateway = await startTestGateway({ a: { ...UPSTREAMS.legacy(a), timeout: '300ms' } });
    const client = await gateway.client('legacy', { capabilities: CAPABILITIES });
    answerAs(client, 'Ada', new Promise((resolve) => setTimeout(resolve, 1000)));
    expect(JSON.parse(await call(client))).toMatchObject({ who: { content: { name: 'Ada' } } });
    const silent = client.callTool({ name: 'wait' }).catch((error: unknown) => error);
    expect(await silent).toMatchObject({ message: expect.stringContaining('did not answer within 0.3 s') });
    // It was given up there too, and everything else goes on.
    await a.until(() => a.cancelled === 1);
    expect(await client.callTool({ name: 'echo', arguments: { text: 'x' } })).toMatchObject({
      content: [{ text: 'a: x' }],
    });
  });
});
