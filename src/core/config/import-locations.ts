import { posix, win32 } from 'node:path';
import type { Environment } from './load.js';

/** The programs whose server files are known by name, in the order in which they are looked at. */
export const EDITORS = ['claude-desktop', 'claude-code', 'cursor', 'vscode', 'codex'] as const;
export type Editor = (typeof EDITORS)[number];

/** The machine as an import sees it; a test passes its own. */
export interface System {
  readonly platform: NodeJS.Platform;
  readonly env: Environment;
  readonly cwd: string;
}

/** Where an editor keeps its servers: the files of the project first, since they stand above those of the user. */
export function editorFiles(editor: Editor, { platform, env, cwd }: System): readonly string[] {
  const { join } = platform === 'win32' ? win32 : posix;
  const home = homeOf({ platform, env, cwd });
  const inHome = (...parts: readonly string[]) => (home === undefined ? [] : [join(home, ...parts)]);
  const inSettings = (...parts: readonly string[]) => {
    const named =
      platform === 'win32' ? env['APPDATA'] : platform === 'darwin' ? undefined : env['XDG_CONFIG_HOME'];
    if (named !== undefined && named !== '') return [join(named, ...parts)];
    if (platform === 'win32') return inHome('AppData', 'Roaming', ...parts);
    return platform === 'darwin'
      ? inHome('Library', 'Application Support', ...parts)
      : inHome('.config', ...parts);
  };
  const ofCodex = env['CODEX_HOME'];
  const files: Readonly<Record<Editor, readonly string[]>> = {
    'claude-desktop': inSettings('Claude', 'claude_desktop_config.json'),
    'claude-code': [join(cwd, '.mcp.json'), ...inHome('.claude.json')],
    cursor: [join(cwd, '.cursor', 'mcp.json'), ...inHome('.cursor', 'mcp.json')],
    vscode: [
      join(cwd, '.vscode', 'mcp.json'),
      ...inSettings('Code', 'User', 'mcp.json'),
      // Before mcp.json there was a section "mcp" in the settings.
      ...inSettings('Code', 'User', 'settings.json'),
    ],
    codex: [
      join(cwd, '.codex', 'config.toml'),
      ...(ofCodex === undefined || ofCodex === ''
        ? inHome('.codex', 'config.toml')
        : [join(ofCodex, 'config.toml')]),
    ],
  };
  // In the home folder both are one.
  return [...new Set(files[editor])];
}

/** A path as people know it: from the working directory, or from `~`. */
export function shortPath(path: string, system: System): string {
  const { relative, isAbsolute, sep } = system.platform === 'win32' ? win32 : posix;
  const below = (folder: string) => {
    const rest = relative(folder, path);
    return rest === '' || rest.startsWith('..') || isAbsolute(rest) ? undefined : rest;
  };
  const home = homeOf(system);
  const inHome = home === undefined ? undefined : below(home);
  return below(system.cwd) ?? (inHome === undefined ? path : `~${sep}${inHome}`);
}

function homeOf({ platform, env }: System): string | undefined {
  const home = (platform === 'win32' ? env['USERPROFILE'] : undefined) ?? env['HOME'];
  return home === '' ? undefined : home;
}
