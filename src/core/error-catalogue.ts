import { closest, distance } from 'fastest-levenshtein';
import { ERROR_CODES, type ErrorCode } from './errors.js';

/**
 * What `mcpx explain` says about each code beyond its meaning. Kept apart from `ERROR_CODES`, which every start loads.
 */
export interface CatalogueEntry {
  /** What usually lies behind it, most likely first. */
  readonly causes: readonly string[];
  /** The lines of a file that have the problem, or a command and what it prints. */
  readonly example: string;
  /** What to do, in the order in which to try it. */
  readonly remedies: readonly string[];
}

/**
 * The code that a word stands for: the code itself or its name, in any case, with `-` or spaces for `_`.
 *
 * @returns `undefined` where there is none; `nearestCodes` has what may have been meant
 */
export function findCode(word: string): ErrorCode | undefined {
  const wanted = normalized(word);
  return ALL_CODES.find((code) => code.toLowerCase() === wanted || ERROR_CODES[code].name === wanted);
}

/** The codes that an unknown word may mean, nearest first, at most three. */
export function nearestCodes(word: string): readonly ErrorCode[] {
  const wanted = normalized(word).slice(0, MOST_LETTERS);
  const number = /\d{3}$/.exec(wanted)?.[0];
  const near = ALL_CODES.map((code) => ({ code, off: offBy(wanted, number, code) }))
    .filter(({ off }) => off < 1)
    .sort((a, b) => a.off - b.off);
  // Behind those that begin as it does, nobody means another.
  const most = near.some(({ off }) => off === OF_FAMILY) ? OF_FAMILY : 1;
  return near
    .filter(({ off }) => off <= most)
    .slice(0, 3)
    .map(({ code }) => code);
}

/** No name is as long; comparing more would only take time. */
const MOST_LETTERS = 60;
/** How far a family, or a code whose end is missing, is off. */
const OF_FAMILY = 0.3;

/** 0 is the same, 1 and above has nothing to do with it. */
function offBy(wanted: string, number: string | undefined, code: ErrorCode): number {
  const { name } = ERROR_CODES[code];
  // The right number behind a wrong family: CGF104, ERR104, 104.
  if (number !== undefined && code.endsWith(number)) return 0.1;
  if (wanted.length >= 3 && code.toLowerCase().startsWith(wanted)) return OF_FAMILY;
  if (/^[a-z]{3}\d/.test(wanted)) return distance(wanted, code.toLowerCase()) / 2;
  const words = name.split('_');
  if (words.includes(wanted)) return 0.2;
  const best = closest(wanted, [name, ...words]);
  return (distance(wanted, best) * 3) / Math.max(best.length, 4);
}

function normalized(word: string): string {
  return word
    .trim()
    .toLowerCase()
    .replace(/[-\s]+/g, '_');
}

const ALL_CODES = Object.keys(ERROR_CODES) as readonly ErrorCode[];

const RAISE_TIMEOUT = 'Give the server a larger `timeout`, or the run a larger `--timeout`.';
const READ_ITS_LOG = "Look at the server's own log.";
const REPORT_TO_AUTHORS = 'Report it to the authors of the server; `--log-level debug` shows what was asked.';
const LEAVE_IT_OUT = 'Until then set `required: false` for the server, or gather with `--degraded`.';
const RUN_BY_HAND = 'Run the command by hand, in the same folder, and read what it says.';
const SEE_HELP = 'Read the help of the command: `mcpx gather --help`.';

export const ERROR_CATALOGUE = {
  CFG101: {
    causes: [
      'There is no configuration in the working directory, and none was named.',
      'The path after `--config`, `--metadata` or in `MCPX_CONFIG` is misspelt, or relative to another folder.',
    ],
    example: '$ mcpx gather -c gone.yaml\nerror CFG101 config_not_found: gone.yaml does not exist',
    remedies: [
      'Check the path; it is taken from the working directory.',
      'Write a starter configuration with `mcpx init`.',
      'Run with `-v` to see which file is used.',
    ],
  },
  CFG102: {
    causes: [
      'The file belongs to another user.',
      'The path names a folder.',
      'The file is saved in another encoding than UTF-8, or is no text at all.',
      'The file is larger than such a file can be (1 MiB; metadata 64 MiB).',
    ],
    example: '$ mcpx gather -c config\nerror CFG102 config_unreadable: config cannot be read',
    remedies: ['Name the file itself.', 'Check its permissions.', 'Save it as UTF-8.'],
  },
  CFG103: {
    causes: [
      'A line is indented with tabs, or by another number of spaces than its neighbours.',
      'A quote, bracket or brace is not closed.',
      'A text with `: ` or ` #` in it stands without quotes.',
    ],
    example: 'mcp_servers:\n  products:\n    url: "http://localhost:8002/sse',
    remedies: [
      'Look at the line and column of the message, and at the line before it.',
      'Indent with spaces, and put texts with special characters into quotes.',
    ],
  },
  CFG104: {
    causes: [
      'A typing error in the name of a setting.',
      'A setting that stands one level too high or too low.',
    ],
    example: 'mcp_servers:\n  products:\n    url: http://localhost:8002/sse\n    prioritty: 1',
    remedies: [
      'Take the name that the hint suggests, or look it up in the table of settings in the README.',
      'Begin keys of your own with `x-`; those are left alone.',
    ],
  },
  CFG105: {
    causes: [
      'A number or `true` stands in quotes.',
      'A single value stands where a list is wanted.',
      'The value is missing, or is a mapping because of its indentation.',
    ],
    example: 'mcp_servers:\n  products:\n    url: http://localhost:8002/sse\n    priority: "1"',
    remedies: ['Write numbers and true or false without quotes.', 'Write a list as `[a, b]`.'],
  },
  CFG106: {
    causes: [
      'A number is out of its range, such as a priority of 0 or 1000.',
      'A word is none of those that the setting takes.',
      'A duration or size has a unit that mcpx does not know.',
    ],
    example: 'mcp_servers:\n  products:\n    url: http://localhost:8002/sse\n    priority: 0',
    remedies: [
      'Choose a value that the message or its hint names.',
      'Write durations as seconds (30) or with a unit (250ms, 30s, 5m).',
    ],
  },
  CFG107: {
    causes: [
      'A server has neither `url` nor `command`.',
      'The setting is there, and empty.',
      'It stands on another level because of its indentation.',
    ],
    example: 'mcp_servers:\n  products:\n    priority: 1',
    remedies: ['Add the setting that the message names, below the key that it names.'],
  },
  CFG108: {
    causes: ['The scheme is missing or misspelt.', 'It is a path or an address of another protocol.'],
    example: 'mcp_servers:\n  products:\n    url: localhost:8002/sse',
    remedies: ['Write the whole address, as in `http://localhost:8002/sse`.'],
  },
  CFG109: {
    causes: [
      'The variable is not exported, or exported in another shell.',
      'A supervisor or editor starts mcpx with an environment of its own.',
      'The name is misspelt.',
      'It is one that only an editor knows, such as `${workspaceFolder}` or `${input:api-key}`.',
    ],
    example:
      'mcp_servers:\n  products:\n    url: https://mcp.example.com/sse\n    headers: { Authorization: "Bearer ${METADATA_TOKEN}" }',
    remedies: [
      'Export the variable: `export METADATA_TOKEN=…`.',
      'Give it a default: `${METADATA_TOKEN:-}`.',
      'Write `$${` where the text is meant literally.',
    ],
  },
  CFG110: {
    causes: ['A block was copied and its key not changed.', 'Two servers bear the same id.'],
    example:
      'mcp_servers:\n  products: { url: http://localhost:8002/sse }\n  products: { url: http://localhost:8000/sse }',
    remedies: ['Rename or remove one of the two.'],
  },
  CFG111: {
    causes: ['Servers were copied with their priority.', 'Both were left at the default of 100.'],
    example:
      'mcp_servers:\n  a: { url: http://localhost:8002/sse, priority: 5, domains: [products] }\n  b: { url: http://localhost:8000/sse, priority: 5, domains: [products] }',
    remedies: ['Give the server that shall win the lower number.', 'Take the domain from one of them.'],
  },
  CFG112: {
    causes: ['Both servers were left at the default of 100.', 'The same number was chosen twice.'],
    example:
      'mcp_servers:\n  a: { url: http://localhost:8002/sse, priority: 5, domains: [products] }\n  b: { url: http://localhost:8000/sse, priority: 5, domains: [sales] }',
    remedies: [
      'It is a warning: where both have the same resource, the id decides who wins.',
      'Give one of them another priority to decide it yourself.',
    ],
  },
  CFG113: {
    causes: [
      'A server has both a `url` and a `command`.',
      'The `transport` was copied from another server.',
      'A url that ends in `/mcp` is said to be `sse`.',
    ],
    example:
      'mcp_servers:\n  products:\n    url: http://localhost:8002/sse\n    transport: stdio\n    command: node',
    remedies: [
      'Keep `command` for stdio, and `url` for the other transports.',
      'Leave `transport` out: mcpx finds it out.',
      'Put the command that starts an HTTP server into `start`.',
    ],
  },
  CFG114: {
    causes: ['The list of servers is empty, or every entry of it is a comment.'],
    example: 'mcp_servers: {}',
    remedies: ['Add a server below `mcp_servers`.', 'Write a starter configuration with `mcpx init`.'],
  },
  CFG115: {
    causes: [
      'A variable that begins with `MCPX_` or `PRODUCT_MCP_` has a value that its setting does not take.',
    ],
    example:
      '$ MCPX_MAX_RETRIES=many mcpx gather\nerror CFG115 environment_override: config/mcp_config.yaml is not a valid configuration',
    remedies: ['Correct or unset the variable; the message names it.'],
  },
  CFG116: {
    causes: [
      'A token was pasted into the file to try it out.',
      'An entry was imported from an editor, which keeps its tokens in clear text.',
    ],
    example:
      'mcp_servers:\n  products:\n    url: https://mcp.example.com/sse\n    domains: [products]\n    headers: { Authorization: "Bearer 0123456789abcdef" }',
    remedies: [
      'Write a reference such as `${PRODUCTS_TOKEN}`, and set that variable.',
      'Renew the token where the file was committed or shared.',
    ],
  },
  CFG117: {
    causes: ['User name and password, or a key, were pasted with the address.'],
    example:
      'mcp_servers:\n  products:\n    url: https://mcp.example.com/sse?api_key=0123456789abcdef\n    domains: [products]',
    remedies: [
      'Send it as a header, where the server takes one: addresses end up in logs.',
      'Else write a reference: `?api_key=${PRODUCTS_KEY}`.',
    ],
  },
  CFG118: {
    causes: ['The address was written with http where the server also answers https.'],
    example: 'mcp_servers:\n  products:\n    url: http://mcp.example.com/sse\n    domains: [products]',
    remedies: ['Write https.', 'Within a closed network it is a warning that may stand.'],
  },
  CFG119: {
    causes: ['`domains` was left out, or the entry comes from an editor, which knows none.'],
    example: 'mcp_servers:\n  products:\n    url: http://localhost:8002/sse',
    remedies: ['Write what the server knows about: `domains: [products]`.'],
  },
  CFG120: {
    causes: ['`timeout` was raised for a slow server, and `deadline` was not.'],
    example:
      'mcp_servers:\n  products:\n    url: http://localhost:8002/sse\n    domains: [products]\n    timeout: 60\norchestration:\n  deadline: 30s',
    remedies: ['Raise `deadline` in the section `orchestration`, or lower the limit of the server.'],
  },
  CFG121: {
    causes: ['Two products were given the same short name.', 'A product was copied with its aliases.'],
    example:
      '{"product_aliases": {\n  "wand": {"canonical_id": "P1", "canonical_name": "Magic Wand", "aliases": ["abra"], "database_references": {}, "categories": []},\n  "hat": {"canonical_id": "P2", "canonical_name": "Magic Hat", "aliases": ["abra"], "database_references": {}, "categories": []}},\n "column_mappings": {}}',
    remedies: ['Leave the alias to the product that people mean by it.'],
  },
  CFG122: {
    causes: [
      'A product is commonly called by the name of another one.',
      'A product was renamed after its successor.',
    ],
    example:
      '{"product_aliases": {\n  "wand": {"canonical_id": "P1", "canonical_name": "Magic Wand", "aliases": ["hat"], "database_references": {}, "categories": []},\n  "hat": {"canonical_id": "P2", "canonical_name": "Magic Hat", "aliases": [], "database_references": {}, "categories": []}},\n "column_mappings": {}}',
    remedies: ['Remove the alias, or rename the other product.'],
  },
  CFG123: {
    causes: ['A word names both a product and a column, such as "returns".'],
    example:
      '{"product_aliases": {\n  "wand": {"canonical_id": "P1", "canonical_name": "Magic Wand", "aliases": ["sales"], "database_references": {}, "categories": []}},\n "column_mappings": {"sales": "SUM(sales.total_amount)"}}',
    remedies: ['Give the product or the term another name.'],
  },
  CFG124: {
    causes: ['One name was written in two ways: "Café" and "cafe", "X-1" and "X1".'],
    example:
      '{"product_aliases": {},\n "column_mappings": {"sales amount": "sales.total_amount", "Sales Amount": "sales.total_amount"}}',
    remedies: ['Keep one of the two; the resolver finds the other spelling by itself.'],
  },
  CFG125: {
    causes: ['A whole statement stands where an expression is wanted.', 'A bracket or quote is not closed.'],
    example: '{"product_aliases": {},\n "column_mappings": {"revenue": "SUM(sales.total_amount"}}',
    remedies: ['Write what may stand after SELECT, such as `SUM(sales.total_amount)`.'],
  },
  CFG126: {
    causes: ['An editor on Windows saved the file as "UTF-8 with BOM".'],
    example: '\ufeffmcp_servers:\n  products:\n    url: http://localhost:8002/sse\n    domains: [products]',
    remedies: ['Save it as UTF-8 without a byte order mark.'],
  },
  CFG127: {
    causes: ['The lines were copied from a web page or a word processor.'],
    example: 'mcp_servers:\n  products:\n    url:\u00a0http://localhost:8002/sse\n    domains: [products]',
    remedies: ['Type the space at the place of the message again.'],
  },
  CFG128: {
    causes: ['An entry was copied and its `url` not changed.', 'One server was configured under two ids.'],
    example:
      'mcp_servers:\n  a: { url: http://localhost:8002/sse, priority: 1, domains: [products] }\n  b: { url: http://localhost:8002/sse, priority: 2, domains: [sales] }',
    remedies: ['Correct the `url` of one of them.', 'Make one entry of the two, with the domains of both.'],
  },
  CFG129: {
    causes: ['A typing error in `capabilities`.'],
    example:
      'mcp_servers:\n  database:\n    url: http://localhost:8000/sse\n    domains: [sales]\n    capabilities: [excute_query]',
    remedies: ['Take the name that the hint suggests; `execute_query` makes a server the executor.'],
  },
  CFG130: {
    causes: [
      'A table or column was renamed, or is misspelt.',
      'The expression is written in another dialect than that of the database.',
      'No table of the expression has a column that `{date_column}` could stand for.',
    ],
    example: '"sales amount": "sales.total"',
    remedies: [
      'Take the name that the hint suggests.',
      'See what there is: `mcpx read database://metadata`.',
    ],
  },
  CFG131: {
    causes: [
      'The server was one with a `command` before it got a `url`, or the other way round.',
      'What belongs to the program that mcpx is to start stands beside `start`, not below it.',
    ],
    example:
      'mcp_servers:\n  a:\n    url: http://localhost:8002/sse\n    domains: [products]\n    env: { LOG: debug }',
    remedies: [
      'Remove it; `args`, `env` and `cwd` of a server that mcpx is to start stand below `start`.',
      'A server over stdio gets what it needs in `env`, not in `headers`.',
    ],
  },

  UPS201: {
    causes: [
      'The server is overloaded, or still starting.',
      'A firewall drops the connection silently.',
      'Something listens at the port and is no MCP server.',
    ],
    example: 'error UPS201 connect_timeout: product_metadata_mcp did not complete the connection within 5 s',
    remedies: [
      'Check that the server answers: `curl -N <url>`.',
      'Give a slow one a larger `connect_timeout`.',
      'A url that ends in `/mcp` wants `transport: streamable-http`, one that ends in `/sse` wants `sse`.',
    ],
  },
  UPS202: {
    causes: [
      'The server is not running.',
      'The port in the `url` is another one.',
      'It listens on another address.',
    ],
    example:
      'error UPS202 connection_refused: product_metadata_mcp: nothing listens at http://localhost:8002',
    remedies: [
      'Start the server, or give it a `start` block so that mcpx does.',
      'Correct host and port of the `url`.',
      'In a container, `localhost` is the container itself: use the name of the other one.',
    ],
  },
  UPS203: {
    causes: ['The server crashed or was restarted.', 'A proxy closed an idle or long connection.'],
    example: 'error UPS203 connection_lost: database_mcp: the connection closed before the answer came',
    remedies: [
      READ_ITS_LOG,
      'Raise the read timeout of the proxy in between.',
      'Run again: what breaks in passing is retried `max_retries` times.',
    ],
  },
  UPS204: {
    causes: [
      'The server works longer than its `timeout` allows.',
      'It hangs on something behind it, such as a database.',
    ],
    example:
      'error UPS204 request_timeout: database_mcp did not answer the read of database://metadata within 30 s',
    remedies: [READ_ITS_LOG, RAISE_TIMEOUT, 'Leave a slow resource out with `resources.exclude`.'],
  },
  UPS205: {
    causes: [
      'The path of the `url` is wrong (404, 405).',
      'The server or the proxy before it has a failure of its own (500, 502, 503).',
      'Too many requests were sent (429).',
    ],
    example: 'error UPS205 http_status: product_metadata_mcp: the server answered HTTP 404',
    remedies: [
      'Check the path: most servers answer at `/sse` or `/mcp`.',
      READ_ITS_LOG,
      'For 429 lower `max_connections`, or wait.',
    ],
  },
  UPS206: {
    causes: [
      'The address belongs to a web page or another API.',
      'The `transport` does not fit the address.',
      'A stdio server prints something else to its standard output.',
    ],
    example: 'error UPS206 protocol_error: product_metadata_mcp: the server answered with text/html',
    remedies: [
      'Check that the `url` is the MCP endpoint itself.',
      'Leave `transport` and `protocol` out, so that mcpx finds them out.',
      'Make a stdio server log to standard error only.',
    ],
  },
  UPS207: {
    causes: [
      'The token is missing, misspelt or expired.',
      'It stands in another header than the server reads.',
    ],
    example: 'error UPS207 unauthorized: product_metadata_mcp: the server refused our credentials (HTTP 401)',
    remedies: [
      'Renew the token, and set the variable that `headers` refers to.',
      'Look at the shape: `Authorization: "Bearer ${TOKEN}"`.',
      'mcpx does not log in by OAuth; use a token of the service.',
    ],
  },
  UPS208: {
    causes: [
      'One server is slow, and the others are waited for with it.',
      'The deadline is shorter than a single timeout.',
    ],
    example: 'error UPS208 deadline_exceeded: the connections took longer than the deadline',
    remedies: [
      'Run with `--log-level info` to see which server was waited for.',
      'Raise `--deadline`, or `deadline` in the section `orchestration`.',
      'Gather with `--degraded` to get what is there in time.',
    ],
  },
  UPS209: {
    causes: ['A resource is a dump, a log or a video.', 'The server streams without an end.'],
    example: 'error UPS209 too_large: database_mcp: the answer is larger than 64 MiB',
    remedies: ['Leave the resource out with `resources.exclude`.', 'Ask the server for less, page by page.'],
  },
  UPS210: {
    causes: ['The server gives out the same cursor again.', 'Its list grows faster than it is read.'],
    example: 'error UPS210 endless_list: catalogue_mcp: resources/list repeats a cursor',
    remedies: [REPORT_TO_AUTHORS, LEAVE_IT_OUT],
  },
  UPS211: {
    causes: [
      'A listed resource has no URI or no name.',
      'The contents are neither text nor base64, or there are none.',
      'A content is said to be JSON and is not.',
    ],
    example: 'error UPS211 invalid_resource: catalogue_mcp returned no contents for catalogue://list',
    remedies: [REPORT_TO_AUTHORS, LEAVE_IT_OUT],
  },
  UPS212: {
    causes: ['The command fails at once: a missing package, setting or file.', 'Its port is taken.'],
    example: 'error UPS212 start_failed: product_metadata_mcp: its start command ended (exit code 1)',
    remedies: [RUN_BY_HAND, 'Read the last lines of its error output; they stand in the message.'],
  },
  UPS213: {
    causes: [
      'The server needs longer to start, as on the first run of `npx`.',
      'It listens at another address than its `url`.',
    ],
    example: 'error UPS213 start_timeout: product_metadata_mcp was started and not ready within 10 s',
    remedies: [
      'Raise `start.ready_timeout`.',
      'Compare the port of the `url` with that of the command.',
      RUN_BY_HAND,
    ],
  },
  UPS214: {
    causes: ['Every server failed, each for its own reason.', 'Every server is filtered out.'],
    example: 'error UPS214 no_mcp_available: no server is usable',
    remedies: [
      'Read the causes below the message: each server has one.',
      'Begin with the server of the best priority: `mcpx gather <server>`.',
    ],
  },
  UPS215: {
    causes: [
      'The address has moved, or redirects from http to https.',
      'A server behind a proxy names its inner address.',
    ],
    example: 'error UPS215 redirect_refused: https://mcp.example.com redirects elsewhere',
    remedies: [
      'Write the address that it redirects to into the `url`, if you trust it.',
      'Tell a server behind a proxy its public address.',
    ],
  },
  UPS216: {
    causes: [
      'The program is not installed, or not on `PATH`.',
      'The file is not executable.',
      '`cwd` does not exist.',
    ],
    example: 'error UPS216 spawn_failed: files: the command "uvx" cannot be run',
    remedies: [
      'Install the program, or write its whole path.',
      'No shell is used: write arguments into `args`, one by one.',
    ],
  },
  UPS217: {
    causes: [
      'The server does not know the resource or tool that it was asked for.',
      'Something behind it failed.',
    ],
    example:
      'error UPS217 server_error: database_mcp answered the read of x://y with error -32002: not found',
    remedies: ['Read what the server says; it stands in the message.', READ_ITS_LOG],
  },
  UPS218: {
    causes: [
      'No server claims `execute_query` in its `capabilities`.',
      'The one that does is not reachable.',
    ],
    example: 'error UPS218 no_executor: no server can execute queries',
    remedies: [
      'Write `capabilities: [execute_query]` for the server that has the tool.',
      'Check that it answers: `mcpx gather <server>`.',
    ],
  },
  UPS219: {
    causes: ['Ctrl-C or SIGTERM.', 'Another server failed first, and fail-fast stopped this one.'],
    example: 'error UPS219 cancelled: stopped by Ctrl-C',
    remedies: ['Nothing is wrong with this server: read the failure that stopped it.'],
  },
  UPS220: {
    causes: ['The host name is misspelt.', 'There is no network, VPN or DNS.'],
    example:
      'error UPS220 host_not_found: products: the host name does not resolve at http://mcp.exmaple.com',
    remedies: ['Correct the host in the `url`.', 'Connect the network or VPN that knows the name.'],
  },
  UPS221: {
    causes: [
      'The certificate is expired, self-signed or of another host.',
      'The port speaks http, and the `url` says https.',
    ],
    example: 'error UPS221 tls_error: products: the TLS handshake failed at https://localhost:8002',
    remedies: [
      'Name a private certificate authority in `NODE_EXTRA_CA_CERTS`.',
      'Write the host that the certificate is made out to.',
      'Write http for a server on loopback.',
    ],
  },
  UPS222: {
    causes: [
      'The program ended on its own: a missing setting, a wrong argument, a crash.',
      'It needs an environment variable that it does not get.',
    ],
    example: 'error UPS222 server_exited: files: the server process ended (exit code 1)',
    remedies: [
      RUN_BY_HAND,
      'Pass the variables that it needs in `env` or `inherit_env`; no others reach it.',
    ],
  },
  UPS223: {
    causes: [
      'The server went down while it was being asked.',
      'It is overloaded, and answers nothing or HTTP 5xx.',
    ],
    example:
      'error UPS223 circuit_open: catalogue_mcp is left alone, since it failed 5 times in a row; it is tried again in 30 s',
    remedies: [
      'Mend what it failed with: that is the cause below the message.',
      'Wait: after `circuit_breaker.reset` one request tries whether it works again.',
      'Raise `circuit_breaker.failures` for a server that is known to fail now and then.',
    ],
  },

  UPS224: {
    causes: [
      'The server failed, and `serve_stale_on_error` lets the cache answer although its time is over.',
    ],
    example: 'UPS224 shop: answers are up to 512 s old, since shop: nothing listens at http://127.0.0.1:8002',
    remedies: [
      'Look at the failure that the warning names, and start the server again.',
      'Set `serve_stale_on_error: false` to fail instead.',
    ],
  },
  UPS230: {
    causes: [
      'The tool has another name, or the server is another one than was meant.',
      'The server was given less than it needs, such as a database that it serves no tool without.',
      'The words in `capabilities` were made up: MCP knows resources, tools, prompts, completions and logging.',
    ],
    example:
      '$ mcpx validate-config --connect\nmcpx.yaml:6:20 error UPS230 database_mcp claims execute_query and has no such tool',
    remedies: [
      'Take what the hint suggests, or remove the word from `capabilities`.',
      'Check that the `url` is that of the right server.',
    ],
  },
  UPS231: {
    causes: [
      'The server has no data yet.',
      'The globs of `resources.include` or `exclude` leave everything out.',
      'It shows other things to other users, and these credentials see nothing.',
    ],
    example:
      '$ mcpx validate-config --connect\nmcpx.yaml:6:20 warning UPS231 files claims list_resources and lists no resource',
    remedies: ['Look what the server was started with.', 'Correct the globs, or remove the claim.'],
  },
  UPS232: {
    causes: ['The server got the tool after the configuration was written.'],
    example:
      '$ mcpx validate-config --connect\nmcpx.yaml:3:3 note UPS232 database_mcp has the tool execute_query and does not claim it, so no query goes there',
    remedies: ['Add `execute_query` to its `capabilities`, if queries may go there; otherwise leave it.'],
  },
  UPS233: {
    causes: [
      'Two servers are copies of one another.',
      'Servers of different authors chose the same URI or the same common word for a tool.',
    ],
    example:
      '$ mcpx validate-config --connect\nmcpx.yaml:12:15 note UPS233 backup and main share 2 resources (item://1, item://2) and a tool (now); main comes first (priority 1 < 10)',
    remedies: [
      'Give the servers priorities that say who comes first, if they have equal ones.',
      'Leave the resources of one out with `resources.exclude`.',
      'Read those of the other with `mcpx read <uri> --server <id>`.',
    ],
  },

  RES301: {
    causes: ['The domain is misspelt.', 'The server that knows it has no `domains`.'],
    example: '$ mcpx resolve prodcts\nerror RES301 unknown_domain: no server handles the domain "prodcts"',
    remedies: ['See who handles what: `mcpx servers list`.', 'Add the domain to the `domains` of a server.'],
  },
  RES302: {
    causes: ['Two servers of a domain have the same priority.'],
    example: 'warning RES302: a and b have the same priority 5; the id decided for a',
    remedies: ['Give one of them another `priority`.'],
  },
  RES303: {
    causes: [
      'The term is a part or an alias of several products.',
      'Two servers use one alias for different products.',
    ],
    example: '$ mcpx resolve products ball\nball is ambiguous: it is part of 2 names',
    remedies: ['Type one of the names that the answer lists.', 'Ask one server only: `--server <id>`.'],
  },
  RES304: {
    causes: ['No product has such a name.', 'It is too far from every name to be a typing error.'],
    example: '$ mcpx resolve products zeppelin\n"zeppelin" is unknown in products',
    remedies: [
      'Take one of the nearest names, where the answer has some.',
      'See all names: `mcpx read product-aliases://list`.',
      'Add an alias to the product metadata.',
    ],
  },
  RES305: {
    causes: [
      'The URI is misspelt.',
      'The server that has it is down.',
      'It is excluded by `resources`.',
      'No URI matches a glob of `--include`.',
    ],
    example:
      '$ mcpx read product-aliases://lst\nerror RES305 unknown_uri: no server has the resource product-aliases://lst',
    remedies: [
      'See what there is: `mcpx gather --list-only`.',
      'Name the server: `mcpx read <uri> --server <id>`.',
    ],
  },
  RES306: {
    causes: [
      'The id is misspelt.',
      'It is the display name of a server; commands take its id.',
      'Another file is in use.',
    ],
    example: '$ mcpx gather databse_mcp\nerror RES306 unknown_server: no server "databse_mcp" is configured',
    remedies: ['See the ids: `mcpx servers list`.', 'Run with `-v` to see which configuration is used.'],
  },
  RES307: {
    causes: ['The code is misspelt.', 'It comes from another program, or from another version of mcpx.'],
    example: '$ mcpx explain UPS299\nerror RES307 unknown_code: mcpx prints no code "UPS299"',
    remedies: ['See all codes: `mcpx explain`.'],
  },
  RES308: {
    causes: [
      'The editor is not installed for this user, or has no servers.',
      'The path after `--from` is misspelt.',
    ],
    example:
      '$ mcpx servers import --from gone.json\nerror RES308 nothing_to_import: gone.json does not exist',
    remedies: [
      'Name the file itself: `mcpx servers import --from <file>`.',
      'Without `--from` all known editors are looked at.',
    ],
  },
  RES309: {
    causes: [
      'A typing error in the name of the tool.',
      'The server that has it is not configured, or is down.',
    ],
    example: 'mcpx call execute_qeury',
    remedies: ['See what each server has: `mcpx call --list`.'],
  },

  SRV401: {
    causes: ['Another mcpx serves there.', 'Another program uses the port.'],
    example: '$ mcpx serve metadata\nerror SRV401 port_in_use: Port 8002 on 127.0.0.1 is in use',
    remedies: [
      'Choose another one: `--port 8012`; 0 takes any that is free.',
      'Find the other process: `lsof -i :8002`, `ss -ltnp`.',
    ],
  },
  SRV402: {
    causes: ['The port is below 1024 and needs privileges.', 'The address is none of this machine.'],
    example:
      '$ mcpx serve metadata --host 192.0.2.1 --allow-unauthenticated\nerror SRV402 cannot_bind: Cannot listen on 192.0.2.1, port 8002',
    remedies: [
      'Choose a port from 1024 upwards.',
      'Choose an address of this machine; 127.0.0.1 always is one.',
    ],
  },
  SRV403: {
    causes: ['The server would be open to the network, and nobody would have to show a token.'],
    example:
      '$ mcpx serve metadata --host 0.0.0.0\nerror SRV403 open_address: Listening on 0.0.0.0 would open this server to the network',
    remedies: [
      'Set a token: `--bearer-token-env MCP_TOKEN`.',
      'Stay on 127.0.0.1.',
      'Pass `--allow-unauthenticated` where everyone on the network may read.',
    ],
  },
  SRV404: {
    causes: ['Another mcpx serves a database from the same data directory.'],
    example: 'error SRV404 data_locked: another process uses the data directory',
    remedies: ['Stop the other process.', 'Use the server that runs already, or another directory.'],
  },
  SRV405: {
    causes: ['npm left the optional packages of the database out.'],
    example: 'error SRV405 engine_missing: The embedded database engine or its SQL parser is not installed.',
    remedies: ['`npm install @electric-sql/pglite`', '`npm install libpg-query`'],
  },
  SRV406: {
    causes: ['The installed files of the engine are damaged.', 'There is too little memory.'],
    example: 'error SRV406 engine_failed: The embedded database does not start.',
    remedies: ['Install mcpx again.', 'If it goes on, report it with the cause below the message.'],
  },
  SRV407: {
    causes: [
      'PostgreSQL does not run, or listens elsewhere.',
      'The database or schema does not exist.',
      'Its certificate is not trusted, or it has no TLS while the URL asks for it.',
    ],
    example: 'mcpx serve database --url postgres://reader@db.example.com/shop',
    remedies: [
      'Try the same URL with `psql`.',
      'Name the authority of its certificate: `?sslmode=verify-full&sslrootcert=/path/ca.pem`.',
    ],
  },
  SRV408: {
    causes: ['User or password is wrong.', 'The file pg_hba.conf of the server does not let this host in.'],
    example: 'error SRV408 database_login: PostgreSQL at db.example.com:5432 does not let reader in.',
    remedies: [
      'Check user and password; write @ / : # % in a password as %40 %2F %3A %23 %25.',
      'Let the host in, in pg_hba.conf of the server.',
    ],
  },
  SRV409: {
    causes: ['The URL names a superuser, or a role that may read or write files or run programs.'],
    example: 'error SRV409 privileged_role: postgres is a superuser',
    remedies: [
      'Create a reading role: `mcpx serve database --check --url …` prints the lines.',
      'Pass `--allow-privileged` where only the other layers shall protect the data.',
    ],
  },
  SRV410: {
    causes: [
      'A statement of `--init` fails.',
      'A file of `--csv` is not regular: a row has too many or too few cells.',
    ],
    example: 'mcpx serve database --csv data',
    remedies: ['Correct the file at the line that the message names.'],
  },
  SRV411: {
    causes: ['`gateway.on_conflict` is `error`, and two servers have a URI, tool or prompt in common.'],
    example: 'error SRV411 gateway_conflict: github and gitlab both have "create_issue".',
    remedies: [
      'Leave it out at one of them: `tools.exclude` or `resources.exclude`.',
      'Let priority decide, or list both: `on_conflict: priority` or `prefix` in the section `gateway`.',
    ],
  },

  SQL501: {
    causes: [
      'The query writes, locks, or changes the database.',
      'It is an EXPLAIN with ANALYZE, or a SELECT INTO.',
    ],
    example: 'DELETE FROM products',
    remedies: ['Write one SELECT, VALUES or EXPLAIN.', 'Change data by other means; this server only reads.'],
  },
  SQL502: {
    causes: ['Several statements are joined by a semicolon.'],
    example: 'SELECT 1; SELECT 2',
    remedies: ['Send them one by one.'],
  },
  SQL503: {
    causes: [
      'A typing error in the query.',
      'The query is empty, or has a parameter such as $1.',
      'It is written in another dialect than that of Postgres.',
    ],
    example: 'SELEC * FROM products',
    remedies: [
      'Look at the position that the message names.',
      'Write values into the query instead of parameters.',
    ],
  },
  SQL504: {
    causes: ['A join without a condition.', 'A very large result, or a recursion without an end.'],
    example: 'SELECT count(*) FROM sales a, sales b, sales c, sales d',
    remedies: ['Add conditions and a LIMIT.', 'See the plan with the tool `explain_query`, or with EXPLAIN.'],
  },
  SQL505: {
    causes: [
      'A table or column does not exist.',
      'The query uses a table, function or type that is not served.',
      'The database is busy or stopping.',
    ],
    example: 'SELECT pg_read_file($$/etc/passwd$$)',
    remedies: [
      'See what there is: `mcpx read database://metadata`.',
      'Read the hint and the SQLSTATE of the answer.',
    ],
  },
  SQL506: {
    causes: [
      'The question does not fit the tables.',
      'The model gave no valid SQL in the attempts that it had.',
    ],
    example: 'error SQL506 sql_generation: no valid SQL could be generated',
    remedies: [
      'Ask more exactly, with the words that the metadata knows.',
      'Add the missing words to `column_mappings`.',
    ],
  },

  CLI901: {
    causes: ['A command or flag is misspelt.', 'A value is missing, or none that the flag takes.'],
    example: "$ mcpx gathr\nerror CLI901 usage: unknown command 'gathr'",
    remedies: [SEE_HELP, 'Take what the hint suggests.'],
  },
  CLI902: {
    causes: ['The command ran here before.'],
    example: '$ mcpx init\nerror CLI902 file_exists: config/mcp_config.yaml exists already',
    remedies: ['Choose another folder.', 'Replace the files with `--force`.'],
  },
  CLI903: {
    causes: [
      'The folder belongs to another user.',
      'The disk is full, or mounted read-only.',
      'A file stands where a folder is wanted.',
    ],
    example: '$ mcpx init /root/new\nerror CLI903 cannot_write: cannot write to /root/new',
    remedies: ['Check the permissions of the folder and the space on its disk.', 'Choose another folder.'],
  },
} as const satisfies Readonly<Record<ErrorCode, CatalogueEntry>>;
