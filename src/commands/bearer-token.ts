import { ConfigurationError } from '../core/errors.js';

/**
 * The token in the environment variable that a flag names.
 *
 * @throws ConfigurationError CFG109 where it is not set or empty
 */
export function bearerToken(
  variable: string | undefined,
  env: Readonly<Record<string, string | undefined>>,
): string | undefined {
  if (variable === undefined) return undefined;
  const token = env[variable];
  if (token !== undefined && token !== '') return token;
  throw new ConfigurationError('CFG109', `environment variable ${variable} is not set`, {
    hint: 'It must hold the token that callers send as "Authorization: Bearer …".',
  });
}
