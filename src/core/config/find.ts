import { join } from 'node:path';

/** Where a configuration is looked for when neither `--config` nor `MCPX_CONFIG` names one. */
export function configCandidates(
  cwd: string,
  env: Readonly<Record<string, string | undefined>>,
): readonly string[] {
  // The XDG specification: a variable that is empty counts as unset.
  const { XDG_CONFIG_HOME: configured, HOME: user } = env;
  const home = configured || (user ? join(user, '.config') : undefined);
  return [
    ...['mcpx.yaml', 'mcpx.yml', 'mcpx.json'].map((name) => join(cwd, name)),
    join(cwd, 'config', 'mcp_config.yaml'),
    ...(home === undefined ? [] : [join(home, 'mcpx', 'config.yaml')]),
  ];
}
