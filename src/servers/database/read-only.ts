import { quoteName } from './catalog.js';

/**
 * What a value looks like and how a text is read must not depend on a server's or role's settings: a string that our
 * parser sees must be the one that the database sees, and results are read by these formats.
 */
const FIXED_SETTINGS: Readonly<Record<string, string>> = {
  standard_conforming_strings: 'on',
  datestyle: "'ISO, MDY'",
  intervalstyle: "'postgres'",
  bytea_output: "'hex'",
  extra_float_digits: '1',
  lock_timeout: '2000',
  idle_in_transaction_session_timeout: '60000',
  row_security: 'on',
};

/** Opens a transaction that can only read, sees the served schemas, and forgets its settings at its end. */
export function beginReadOnly(
  schemas: readonly string[],
  settings: Readonly<Record<string, string>> = {},
): string {
  const local = { ...FIXED_SETTINGS, search_path: schemas.map(quoteName).join(', '), ...settings };
  return [
    'BEGIN READ ONLY',
    ...Object.entries(local).map(([name, value]) => `SET LOCAL ${name} TO ${value}`),
  ].join('; ');
}

/**
 * The same as statements of the extended protocol, which takes one at a time: they can be sent together with the
 * query, and when one fails, the query after it is not run.
 */
export function readOnlyStatements(
  schemas: readonly string[],
  settings: Readonly<Record<string, string>> = {},
): readonly string[] {
  const local = { ...FIXED_SETTINGS, search_path: schemas.map(quoteName).join(', '), ...settings };
  const calls = Object.entries(local).map(
    ([name, value]) => `pg_catalog.set_config('${name}', ${settingLiteral(value)}, true)`,
  );
  return ['BEGIN READ ONLY', `SELECT ${calls.join(', ')}`];
}

/** Read the same way whatever `standard_conforming_strings` is at that moment. */
function settingLiteral(value: string): string {
  const text = value.startsWith("'") ? value.slice(1, -1) : value;
  return `E'${text.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`;
}
