import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { PGlite } from '@electric-sql/pglite';
import { quoteName } from './catalog.js';
import { readCsvTable } from './csv-table.js';

/** The user's files that become a new database. */
export interface OwnData {
  /** A file with SQL. */
  readonly init?: string;
  /** A folder whose CSV files become tables. */
  readonly csv?: string;
}

/** A file that cannot be loaded; the message names file and line. */
export class OwnDataError extends Error {
  constructor(
    message: string,
    /** Where it is not the file's content that must be corrected. */
    readonly hint?: string,
  ) {
    super(message);
  }
}

/** Runs the SQL first, so that it may make schemas and types, then loads the tables. */
export async function loadOwnData(database: PGlite, { init, csv }: OwnData): Promise<void> {
  if (init !== undefined) await runFile(database, init);
  if (csv === undefined) return;
  const names = readFolder(csv);
  const files = new Map<string, string>();
  for (const name of names) {
    const file = join(csv, name);
    const table = readCsvTable(file, readFileSync(file));
    const other = files.get(table.name);
    if (other !== undefined)
      throw new OwnDataError(`${other} and ${file} would both be the table ${table.name}`);
    files.set(table.name, file);
    try {
      await database.exec(table.createSql);
      await database.query(table.copySql, [], { blob: new Blob([table.rows]) });
    } catch (error) {
      throw new OwnDataError(`${file}: ${(error as Error).message}`);
    }
  }
}

/** A reading role for data that is not the sample's: it may read the schemas, also what is there already. */
export function readerSql(role: string, schemas: readonly string[]): string {
  const of = schemas.map(quoteName).join(', ');
  return `DO $$ BEGIN
      IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '${role}') THEN
        CREATE ROLE ${role} NOLOGIN NOSUPERUSER NOINHERIT;
      END IF;
    END $$;
    GRANT USAGE ON SCHEMA ${of} TO ${role};
    GRANT SELECT ON ALL TABLES IN SCHEMA ${of} TO ${role};`;
}

const CSV_FOLDER = 'Name the folder that holds the files *.csv: --csv <dir>.';
const PERMISSIONS = 'Let the user that runs mcpx read it.';

function readFolder(folder: string): string[] {
  let names: string[];
  try {
    names = readdirSync(folder).filter((name) => /\.csv$/i.test(name));
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') throw new OwnDataError(`the folder ${folder} does not exist`, CSV_FOLDER);
    if (code === 'ENOTDIR') throw new OwnDataError(`${folder} is no folder`, CSV_FOLDER);
    throw new OwnDataError(`${folder} cannot be read: ${message}`, PERMISSIONS);
  }
  if (names.length === 0) throw new OwnDataError(`${folder} has no CSV files`, CSV_FOLDER);
  return names.sort();
}

async function runFile(database: PGlite, file: string): Promise<void> {
  let sql: string;
  try {
    sql = readFileSync(file, 'utf8').replace(/^\uFEFF/, '');
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT')
      throw new OwnDataError(`the file ${file} does not exist`, 'Name a file with SQL: --init <file>.');
    if (code === 'EISDIR')
      throw new OwnDataError(
        `${file} is a folder`,
        'Name a file with SQL, or a folder of CSV files: --csv <dir>.',
      );
    throw new OwnDataError(`${file} cannot be read: ${message}`, PERMISSIONS);
  }
  try {
    await database.exec(sql);
  } catch (error) {
    const { message, position } = error as { readonly message: string; readonly position?: string };
    const before =
      position === undefined
        ? ''
        : Array.from(sql)
            .slice(0, Number(position) - 1)
            .join('');
    const place = position === undefined ? '' : `:${before.split('\n').length}`;
    throw new OwnDataError(`${file}${place}: ${message}`);
  }
}
