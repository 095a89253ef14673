import { readFileSync } from 'node:fs';

/** A group of statements that a reading server must not run, and how it must refuse each of them. */
interface HostileGroup {
  /** What they would do. */
  readonly reason: string;
  readonly category: string;
  readonly sqlstate: string;
  /** The policy lets them through, since nothing in their text is wrong; a limit ends them. */
  readonly bomb?: boolean;
  readonly statements: readonly string[];
}

export interface Hostile extends Omit<HostileGroup, 'statements'> {
  readonly title: string;
  readonly sql: string;
}

function read(name: string): unknown {
  return JSON.parse(readFileSync(new URL(`../../data/${name}`, import.meta.url), 'utf8'));
}

function titled<Entry extends { readonly sql: string }>(entry: Entry): Entry & { readonly title: string } {
  return { ...entry, title: JSON.stringify(entry.sql.slice(0, 100)) };
}

const GROUPS = read('hostile-statements.json') as readonly HostileGroup[];

/** How deep and long a text may be is tested where it runs, in a thread with its own stack. */
const HUGE: readonly HostileGroup[] = [
  {
    reason: 'is too long',
    category: 'limit',
    sqlstate: '54000',
    statements: [`SELECT '${'x'.repeat(70_000)}'`, `SELECT 1 --${' '.repeat(65_536)}`],
  },
  {
    reason: 'nests too deeply',
    category: 'limit',
    sqlstate: '54001',
    statements: [`SELECT 1${'+1'.repeat(30_000)}`],
  },
];

function flat(groups: readonly HostileGroup[]): readonly Hostile[] {
  return groups.flatMap(({ statements, ...group }) => statements.map((sql) => titled({ ...group, sql })));
}

/** Statements that a reading server must not run. */
export const HOSTILE: readonly Hostile[] = flat([...GROUPS, ...HUGE]);

/** What people and models ask of a shop; each must run as it is. */
export const HONEST: readonly { readonly title: string; readonly sql: string }[] = (
  read('honest-queries.json') as readonly string[]
).map((sql) => titled({ sql }));
