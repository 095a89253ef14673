/**
 * Reads the server files of editors and assistants as they are: a top-level `mcpServers` (Claude, Cursor) or
 * `servers` (VS Code). Their servers get priority 100 and no domains; keys that mean nothing here are ignored,
 * since those files belong to other programs.
 *
 * @returns the same servers in the shape of our own file, or `undefined` where it is no such file
 */
export function fromEditorFile(raw: unknown): Record<string, unknown> | undefined {
  if (typeof raw !== 'object' || raw === null || Object.hasOwn(raw, 'mcp_servers')) return undefined;
  const file = raw as { mcpServers?: unknown; servers?: unknown };
  const servers = file.mcpServers ?? file.servers;
  if (typeof servers !== 'object' || servers === null || Array.isArray(servers)) return undefined;
  return {
    mcp_servers: Object.fromEntries(
      Object.entries(servers as Record<string, unknown>)
        .filter(([, entry]) => !isDisabled(entry))
        .map(([id, entry]) => [id, toServer(entry)]),
    ),
  };
}

const TYPES: Readonly<Record<string, string>> = {
  http: 'streamable-http',
  'streamable-http': 'streamable-http',
  streamableHttp: 'streamable-http',
  sse: 'sse',
  stdio: 'stdio',
};

function toServer(entry: unknown): unknown {
  if (typeof entry !== 'object' || entry === null) return entry;
  const { command, args, env, cwd, url, headers, type } = entry as Record<string, unknown>;
  const kept = { command, args, env, cwd, url, headers, transport: TYPES[String(type)] };
  return Object.fromEntries(Object.entries(kept).filter(([, value]) => value !== undefined));
}

function isDisabled(entry: unknown): boolean {
  return typeof entry === 'object' && entry !== null && (entry as { disabled?: unknown }).disabled === true;
}

/** Settings of a server, and sections, that no editor has. */
const OUR_SETTINGS: ReadonlySet<string> = new Set([
  'capabilities',
  'circuit_breaker',
  'connect_timeout',
  'domains',
  'inherit_env',
  'priority',
  'rate_limit',
]);
const OUR_SECTIONS = ['orchestration', 'defaults'];

/** A section of servers that has the name of an editor's, and settings of ours, which mean nothing there. */
export interface MisnamedSection {
  readonly name: 'mcpServers' | 'servers';
  /** What is ours, by the first letter. */
  readonly ours: readonly string[];
}

export function findMisnamedSection(raw: unknown): MisnamedSection | undefined {
  const editorFile = fromEditorFile(raw);
  if (editorFile === undefined) return undefined;
  const file = raw as Readonly<Record<string, unknown>>;
  const name = 'mcpServers' in file ? 'mcpServers' : 'servers';
  const servers = Object.values(file[name] as Readonly<Record<string, unknown>>);
  const settings = servers.flatMap((entry) =>
    typeof entry === 'object' && entry !== null ? Object.keys(entry) : [],
  );
  const ours = [
    ...settings.filter((key) => OUR_SETTINGS.has(key)),
    ...OUR_SECTIONS.filter((section) => Object.hasOwn(file, section)),
  ];
  return ours.length === 0 ? undefined : { name, ours: [...new Set(ours)].sort() };
}
