// What is measured, and what mcpx has to reach.

const TRANSPORTS = ['sse', 'streamable-http', 'stdio'];

const SIZES = [
  ...[1, 5, 10].flatMap((servers) =>
    [3, 50].map((resources) => ({
      name: `${servers} × ${resources}`,
      servers,
      resources,
      pageSize: resources,
      delayMs: 0,
    })),
  ),
  { name: '1 × 500 in pages', servers: 1, resources: 500, pageSize: 50, delayMs: 0 },
  { name: '5 × 3, 300 ms', servers: 5, resources: 3, pageSize: 3, delayMs: 300 },
];

/** Upper bounds of the median ratios; where the servers' own time rules, only the floor says something. */
const FAST = { toFloor: 2.5, toSdk: 0.6 };
const SERVER_BOUND = { toFloor: 1.35 };

const scenario = (transport, size) => ({
  ...size,
  name: `${transport} ${size.name}`,
  transport,
  serverIds: Array.from({ length: size.servers }, (_, index) => `server_${index + 1}`),
  target: transport === 'stdio' || size.delayMs > 0 ? SERVER_BOUND : FAST,
});

export const SCENARIOS = [
  ...TRANSPORTS.flatMap((transport) => SIZES.map((size) => scenario(transport, size))),
  // Over stdio every run starts the servers, which are on the SDK like nearly all there are. Beside them, without a
  // target, hand-written ones that are up in 30 ms: there our own start shows, which theirs otherwise covers.
  ...SIZES.slice(0, 4).map((size) => ({
    ...scenario('stdio', size),
    name: `stdio raw ${size.name}`,
    raw: true,
    target: {},
  })),
];

/** Start-up, as a ratio to `node -e 0`. */
export const STARTUP = [
  { name: '--version', args: ['--version'], target: 1.25 },
  { name: '--help', args: ['--help'], target: 1.6 },
];

export const MEMORY_SCENARIOS = SCENARIOS.filter(
  ({ transport, servers, resources }) => transport !== 'stdio' && servers === 5 && resources === 50,
);
export const MEMORY_TARGET_MB = 80;
