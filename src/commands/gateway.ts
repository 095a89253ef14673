import type { CommandDefinition, CommandInput } from './command.js';
import { durationMs } from './values.js';

const DEFAULT_URL = 'http://127.0.0.1:8003';

export const gatewayCommand: CommandDefinition = {
  name: 'gateway',
  summary: 'Look at a running gateway',
  examples: ['mcpx gateway status', 'mcpx gateway status --watch 5s'],
  exits: [0, 2, 4, 5],
  subcommands: [
    {
      name: 'status',
      summary: 'Its servers, sessions, cache and latencies; 4 while it is not ready',
      options: [
        {
          flags: '--url <url>',
          description: 'address of the gateway',
          default: DEFAULT_URL,
          env: 'MCPX_GATEWAY_URL',
        },
        { flags: '--bearer-token-env <name>', description: 'environment variable with its token' },
        {
          flags: '--watch [interval]',
          description: 'show it again and again, every 2s unless told otherwise',
          parse: durationMs,
        },
      ],
      examples: [
        'mcpx gateway status',
        'mcpx gateway status --watch 5s',
        'mcpx gateway status --url http://10.0.0.5:8003 --bearer-token-env GATEWAY_TOKEN --json',
      ],
      exits: [0, 2, 3, 4, 5],
      run: status,
    },
  ],
};

const WATCH_MS = 2000;
/** As of a gather that a required server is missing from, so that a script can wait for it. */
const NOT_READY = 4;

async function status({ options, global, io }: CommandInput): Promise<number> {
  const [{ readGatewayStatus }, { renderGatewayStatus }, { viewOf, writeValue }, { setTimeout: sleep }] =
    await Promise.all([
      import('../core/clients/gateway-status.js'),
      import('../render/gateway-status.js'),
      import('./output.js'),
      import('node:timers/promises'),
    ]);
  const { bearerToken } = await import('./bearer-token.js');
  const token = bearerToken(options['bearerTokenEnv'] as string | undefined, io.env);
  const url = String(options['url']);
  const watch = options['watch'];
  for (;;) {
    const found = await readGatewayStatus(url, token, io.signal);
    if (global.output !== 'table') await writeValue(found, global.output, io);
    else {
      const view = viewOf(global, io);
      // A terminal shows one picture that changes; anything else gets one after the other.
      const isPicture = watch !== undefined && io.stdoutIsTerminal;
      await io.out(`${isPicture ? CLEAR : ''}${renderGatewayStatus(found, view)}`);
    }
    if (watch === undefined) return found.ready ? 0 : NOT_READY;
    await sleep(typeof watch === 'number' ? watch : WATCH_MS, undefined, { signal: io.signal }).catch(
      () => undefined,
    );
    if (io.signal.aborted || io.readerIsGone) return 0;
  }
}

const CLEAR = '\u001b[H\u001b[2J';
