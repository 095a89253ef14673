import { readFile, rename, writeFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import * as z from 'zod/v4';
import { describe, openDatabase, type SessionOptions } from '../pglite-session.js';
import { shopRows, type ShopProduct } from './rows.js';
import { READER_ROLE, SHIFT_DATES, SHOP_FINISH, SHOP_SCHEMA } from './schema.js';

const SHOP = { role: READER_ROLE, schemas: ['public'] } as const;

/** The shop from a snapshot that `writeShopSnapshot` made. */
export function shopFromSnapshot(snapshotPath: string): SessionOptions {
  return { ...SHOP, snapshotPath, describedPath: describedPathOf(snapshotPath), dailySql: SHIFT_DATES };
}

/** The shop from nothing but the metadata file: for a checkout without a build, some seconds slower. */
export async function shopFromMetadata(metadataPath: string): Promise<SessionOptions> {
  return { ...SHOP, setupSql: [...(await creation(metadataPath)), SHIFT_DATES], dailySql: SHIFT_DATES };
}

/**
 * Creates the shop and writes its data directory as one file of about 2.5 MB, from which a start takes half a
 * second instead of four, and beside it what the shop would answer of itself. The dates in it are those of the anchor
 * day; a start moves them.
 */
export async function writeShopSnapshot(path: string, metadataPath: string): Promise<void> {
  const { database } = await openDatabase({ setupSql: [...(await creation(metadataPath)), ...SLIM] });
  try {
    const described = await describe(database, SHOP);
    const directory = await database.dumpDataDir('none');
    await replace(describedPathOf(path), JSON.stringify(described));
    await replace(path, await promisify(gzip)(Buffer.from(await directory.arrayBuffer()), { level: 9 }));
  } finally {
    await database.close();
  }
}

function describedPathOf(snapshotPath: string): string {
  return snapshotPath.replace(/\.tar\.gz$/, '.json');
}

async function replace(path: string, content: string | Uint8Array): Promise<void> {
  const temporary = `${path}.${process.pid}`;
  await writeFile(temporary, content);
  await rename(temporary, path);
}

/** The template databases are needed to create others, which nobody does here; they are two thirds of the files. */
const SLIM = [
  'UPDATE pg_database SET datistemplate = false',
  'DROP DATABASE IF EXISTS template0',
  'DROP DATABASE IF EXISTS template1',
  'CHECKPOINT',
];

async function creation(metadataPath: string): Promise<string[]> {
  const products = readProducts(await readFile(metadataPath, 'utf8'));
  return [SHOP_SCHEMA, shopRows(products), SHOP_FINISH];
}

/** Only what the shop needs of the file that we ship; the metadata server checks the whole. */
const metadataSchema = z.object({
  product_aliases: z.record(
    z.string(),
    z.object({
      categories: z.array(z.string()),
      database_references: z.object({
        'products.product_id': z.number().int(),
        'products.product_name': z.string(),
      }),
    }),
  ),
});

function readProducts(json: string): ShopProduct[] {
  const { product_aliases: products } = metadataSchema.parse(JSON.parse(json));
  return Object.values(products).map(({ categories, database_references: references }) => ({
    id: references['products.product_id'],
    name: references['products.product_name'],
    category: categories[0] ?? 'other',
  }));
}
