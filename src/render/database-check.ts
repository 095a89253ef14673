import { paint } from './paint.js';
import { plain, type View } from './terminal.js';

interface RoleReport {
  readonly role: string;
  readonly database: string;
  readonly schemas: readonly string[];
  readonly ok: boolean;
  readonly findings: readonly { readonly severity: 'refused' | 'warning'; readonly message: string }[];
  readonly readable: number;
  readonly grants: readonly string[];
}

/** `mcpx serve database --check` for programs. */
export function databaseCheck(report: RoleReport): Readonly<Record<string, unknown>> {
  return { api_version: 'mcpx/v1', kind: 'DatabaseCheck', ...report };
}

/** The same for people: the verdict, what speaks against the role, and the lines that make a better one. */
export function databaseCheckText(report: RoleReport, { color }: View): string {
  const ink = paint(color);
  const { role, database, schemas, ok, findings, readable, grants } = report;
  const verdict =
    findings.length === 0 ? ink.green('only reads') : ok ? ink.yellow('usable') : ink.red('refused');
  const lines = [
    `${ink.bold(plain(role))} on ${plain(database)}: ${verdict}`,
    `  reads       ${readable} tables and views of ${schemas.map(plain).join(', ')}`,
    ...findings.map(({ severity, message }) =>
      severity === 'refused'
        ? `  ${ink.red('refused')}     ${plain(message)}`
        : `  ${ink.yellow('warning')}     ${plain(message)}`,
    ),
  ];
  if (grants.length === 0) return `${lines.join('\n')}\n`;
  const advice = ink.dim('-- A role that only reads; as an administrator, in psql:');
  return `${lines.join('\n')}\n\n${advice}\n${grants.map(plain).join('\n')}\n`;
}
