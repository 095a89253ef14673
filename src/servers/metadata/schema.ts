import * as z from 'zod/v4';

const text = z.string().regex(/\S/, 'must not be empty').max(1000);
const scalar = z.union([z.string(), z.number(), z.boolean(), z.null()]);
const DATE = /^\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:?\d{2})?)?$/;

const productSchema = z
  .strictObject({
    canonical_id: text.describe('The id of the product, the same in every system, as in PROD_123'),
    canonical_name: text.describe('The name of the product as the database has it'),
    aliases: z.array(text).default([]).describe('Other names that people use for it'),
    database_references: z
      .record(text, z.union([scalar, z.array(scalar)]))
      .default({})
      .describe('Values that identify the product in the database, by table.column'),
    categories: z.array(text).default([]).describe('Categories that the product belongs to'),
  })
  .describe('One product and the names that it goes by');

/** The product-metadata file: the only description of what may stand in it. */
export const metadataFileSchema = z
  .strictObject({
    $schema: z.string().optional().describe('Where editors find this schema'),
    last_updated: z
      .string()
      .regex(DATE, 'must be a date such as 2024-01-31 or 2024-01-31T12:00:00Z')
      .optional()
      .describe('When the catalogue was last changed; without it, when the file was'),
    version: text.default('1.0.0').describe('The version of the catalogue'),
    product_aliases: z.record(text, productSchema).describe('The products, each by a short key'),
    column_mappings: z
      .record(text, z.string().max(10_000))
      .describe('SQL expressions by the words that people use for them; {date_column} is a placeholder'),
  })
  .meta({
    title: 'mcpx product metadata',
    description: 'Products with their aliases, and words with their SQL',
  });

export type Product = Readonly<z.output<typeof productSchema>>;

/** What the metadata server serves. */
export interface Metadata {
  readonly lastUpdated: string;
  readonly version: string;
  /** In the order of the file. */
  readonly products: ReadonlyMap<string, Product>;
  /** SQL expressions by term, in the order of the file. */
  readonly mappings: ReadonlyMap<string, string>;
}

/** `resources/product_metadata_schema.json` as it must read. */
export function metadataJsonSchema(): string {
  return `${JSON.stringify(z.toJSONSchema(metadataFileSchema, { io: 'input', target: 'draft-2020-12' }), null, 2)}\n`;
}
