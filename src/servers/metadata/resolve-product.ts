import type { McpServer } from '@modelcontextprotocol/server';
import * as z from 'zod/v4';
import type { MetadataStore } from './store.js';

export const RESOLVE_PRODUCT = 'resolve_product';

const match = z
  .object({
    method: z.enum(['exact', 'folded', 'tokens', 'fuzzy', 'partial']),
    on: z.string().describe('The kind of name that was found: canonical_name, canonical_id, key, alias …'),
    name: z.string().describe('The name that was found'),
    score: z.number().describe('1 exact, 0.98 other spelling, 0.95 same words, below that a near name'),
  })
  .describe('How the term was found');

const candidate = z.object({
  canonical_id: z.string(),
  canonical_name: z.string(),
  score: z.number(),
  match,
  ask: z.string().optional().describe('A name that finds this product alone'),
});

const inputSchema = z.object({
  term: z.string().max(10_000).describe('A product name as somebody typed it'),
  fuzzy: z
    .number()
    .min(0)
    .max(1)
    .optional()
    .describe(
      'Least score that is accepted; 1 takes exact names only, 0 (the default) all that pass the guards',
    ),
});

const outputSchema = z.object({
  term: z.string(),
  status: z
    .enum(['resolved', 'ambiguous', 'unknown'])
    .describe('ambiguous: several products fit equally well, and none is picked'),
  entity: z
    .object({
      canonical_id: z.string(),
      canonical_name: z.string(),
      database_references: z.record(z.string(), z.unknown()),
      categories: z.array(z.string()),
      match,
    })
    .nullable()
    .describe('The product, where exactly one fits'),
  candidates: z.array(candidate).describe('What fits; for an unknown term, of what it may be a part'),
  column_mappings: z
    .array(z.object({ user_term: z.string(), sql_expression: z.string(), match }))
    .describe('Column terms of the same name'),
  near: z.array(candidate).describe('For an unknown term, the nearest names'),
});

/** `mcpx resolve` as a tool, on the products of this server. A term that means nothing is a result, not an error. */
export function registerResolveProduct(server: McpServer, store: MetadataStore): void {
  server.registerTool(
    RESOLVE_PRODUCT,
    {
      title: 'Resolve a product name',
      description:
        'Finds the product that a name stands for: by key, canonical id, canonical name or alias, in any spelling, ' +
        'word order and with a typing error. Says so where several fit, and names the nearest where none does.',
      inputSchema,
      outputSchema,
      annotations: { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: false },
    },
    ({ term, fuzzy }) => {
      // Leaves out what tells servers apart: here there is one.
      const structuredContent = outputSchema.parse(store.resolve(term, fuzzy));
      return { content: [{ type: 'text', text: JSON.stringify(structuredContent) }], structuredContent };
    },
  );
}
