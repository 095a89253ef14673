// What every bench upstream serves, made once per process so that no answer costs it more than a look-up.
'use strict';

/** A text of about one kilobyte that no other resource has, so that a contender cannot print what it did not read. */
function tokenOf(server, number) {
  return `token-${server}-${number}`;
}

/** @param bodyBytes  about how large each resource is; a kilobyte when left out */
function createContent({ server, resources, pageSize = resources, bodyBytes = 960 }) {
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
  const initialized = JSON.stringify({
    protocolVersion: '2025-11-25',
    capabilities: { resources: {} },
    serverInfo: { name: server, version: '1.0.0' },
  });

  /** @returns {{result: string} | {error: string}} a JSON text for the answer's result or error */
  function answer(method, params) {
    const result = {
      initialize: () => initialized,
      ping: () => '{}',
      'resources/list': () => pages.get(params?.cursor),
      'resources/templates/list': () => templates,
      'resources/read': () => contents.get(params?.uri),
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
