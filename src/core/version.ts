/** Set by the build from package.json; running from the sources there is no build. */
declare const MCPX_VERSION: string | undefined;

/** The version of mcpx, as servers see it and `--version` prints it. */
export function readVersion(): string {
  return typeof MCPX_VERSION === 'string' ? MCPX_VERSION : '0.0.0-dev';
}
