import { MOST_VALUES } from '../../core/clients/near-uri.js';
import { isMapping } from '../../core/mapping.js';
import type { Gateway } from './gateway.js';

type Fields = Readonly<Record<string, unknown>>;
type Result = Record<string, unknown>;

/**
 * What `addressOf` writes, as a template (RFC 6570): simple expressions encode all that is reserved. A client that only
 * asks for URIs that some template fits can form such addresses too.
 */
export const ADDRESS_TEMPLATE = 'mcpx://{server}/{uri}';

export const OWN_TEMPLATE = {
  uriTemplate: ADDRESS_TEMPLATE,
  name: 'Resource of one server',
  description:
    'What exactly this server has at a URI, also where another server takes precedence: the id of the server, and the percent-encoded URI',
};

/** Whether a client wants to complete a variable of the gateway's own template. */
export function isOwnTemplate(ref: Fields): boolean {
  return ref['type'] === 'ref/resource' && ref['uri'] === ADDRESS_TEMPLATE;
}

/** Ids of servers, and of a server that was named already the URIs that it lists. */
export function completeAddress(gateway: Gateway, params: Fields): Result {
  const { argument, context } = params;
  const { name, value } = isMapping(argument) ? argument : {};
  const chosen =
    isMapping(context) && isMapping(context['arguments']) ? context['arguments']['server'] : undefined;
  const upstream = typeof chosen === 'string' ? gateway.find(chosen) : undefined;
  const all =
    name === 'server'
      ? gateway.upstreams.map(({ server }) => server.id)
      : (upstream?.lastHeld('resources')?.entries ?? []).map(({ key }) => key);
  const begun = typeof value === 'string' ? value : '';
  const values = all.filter((each) => each.startsWith(begun));
  return {
    completion: {
      values: values.slice(0, MOST_VALUES),
      total: values.length,
      hasMore: values.length > MOST_VALUES,
    },
  };
}
