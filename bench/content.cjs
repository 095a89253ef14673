// What every bench upstream serves, made once per process so that no answer costs it more than a look-up.
'use strict';

/** A text of about one kilobyte that no other resource has, so that a contender cannot print what it did not read. */
function tokenOf(server, number) {
  return `token-${server}-${number}`;
}

/**
 * @param bodyBytes  about how large each resource is; a kilobyte when left out
 * @param tools  how many there are; each answers with a text of that size as well
 */
function createContent({ server, resources, pageSize = resources, bodyBytes = 960, tools = 0 }) {
  const listed = [];
  const contents = new Map();
  for (let number = 1; number <= resources; number += 1) {
    const uri = `bench://${server}/${number}`;
    listed.push({
      uri,
      name: `Resource ${number} of ${server}`,
      description: `One of ${resources} resources`,
      mimeType: 'application/json',
    });
    const text = JSON.stringify({ token: tokenOf(server, number), number, filler: 'x'.repeat(bodyBytes) });
    contents.set(uri, JSON.stringify({ contents: [{ uri, mimeType: 'application/json', text }] }));
  }
  const pages = new Map();
  for (let start = 0; start < resources; start += pageSize) {
    const next = start + pageSize;
    pages.set(
      start === 0 ? undefined : `from-${start}`,
      JSON.stringify({
        resources: listed.slice(start, next),
        ...(next < resources ? { nextCursor: `from-${next}` } : {}),
      }),
    );
  }
  const templates = JSON.stringify({
    resourceTemplates: [{ uriTemplate: `bench://${server}/{number}`, name: 'By number' }],
  });
  const toolNames = Array.from({ length: tools }, (_, index) => `tool_${server}_${index + 1}`);
  const inputSchema = { type: 'object', properties: { question: { type: 'string' } } };
  const listedTools = JSON.stringify({
    tools: toolNames.map((name) => ({ name, description: `Answers with the name ${name}`, inputSchema })),
  });
  const called = new Map(
    toolNames.map((name, index) => {
      const text = JSON.stringify({ token: tokenOf(server, index + 1), filler: 'x'.repeat(bodyBytes) });
      return [name, JSON.stringify({ content: [{ type: 'text', text }] })];
    }),
  );
  const initialized = (protocolVersion) => ({
    protocolVersion,
    capabilities: { resources: {}, ...(tools > 0 ? { tools: {} } : {}) },
    serverInfo: { name: server, version: '1.0.0' },
  });

  /** @returns {{result: string} | {error: string}} a JSON text for the answer's result or error */
  function answer(method, params) {
    const result = {
      // Whatever it asks for, as long as nothing of it is needed here.
      initialize: () => JSON.stringify(initialized(params?.protocolVersion ?? '2025-11-25')),
      ping: () => '{}',
      'resources/list': () => pages.get(params?.cursor),
      'resources/templates/list': () => templates,
      'resources/read': () => contents.get(params?.uri),
      'tools/list': () => (tools > 0 ? listedTools : undefined),
      'tools/call': () => called.get(params?.name),
    }[method];
    if (result === undefined) return { error: '{"code":-32601,"message":"Method not found"}' };
    const text = result();
    return text === undefined ? { error: '{"code":-32602,"message":"Invalid params"}' } : { result: text };
  }

  return { answer, pageCount: pages.size };
}

/** The JSON-RPC message, put together without encoding the large part again. */
function envelope(id, answer) {
  const [key, text] = Object.entries(answer)[0];
  return `{"jsonrpc":"2.0","id":${JSON.stringify(id)},"${key}":${text}}`;
}

module.exports = { createContent, envelope, tokenOf };
