import { z } from 'zod';
import { MAX_QUERY_CHARS } from './policy.js';

export function inputSchema(defaultRows: number, maxRows: number) {
  return z.object({
    query: z
      .string()
      .min(1)
      .describe(
        `One PostgreSQL statement that only reads: SELECT, VALUES, TABLE or EXPLAIN; at most ${MAX_QUERY_CHARS} characters`,
      ),
    max_rows: z
      .int()
      .min(1)
      .max(maxRows)
      .default(defaultRows)
      .describe('Rows beyond this are left out, and the result says that it is truncated'),
  });
}

const RESULT_FIELDS = {
  columns: z
    .array(z.object({ name: z.string(), type: z.string() }))
    .describe('In the order of the select list; names may repeat'),
  rows: z
    .array(z.array(z.unknown()))
    .describe('Cells in the order of the columns; bigint and numeric as text, times ISO 8601, NULL as null'),
  row_count: z.int().describe('Rows in this result'),
  truncated: z.boolean().describe('There were more rows'),
  query: z.string(),
  elapsed_ms: z.number(),
};

const FAILURE_FIELDS = {
  category: z.string().describe('From the SQLSTATE: syntax_or_access, read_only, data, timeout, busy …'),
  sqlstate: z.string().describe('Five characters, PostgreSQL manual, Appendix A'),
  message: z.string(),
  position: z.int().nullable().describe('1-based character of the query'),
  hint: z.string().nullable(),
};

/**
 * Rows or a failure. One object with two sets of required fields, because a schema's root must be an object, and
 * clients of the first SDK check failures against it too.
 */
export const outputSchema = z
  .object({ ...z.object(RESULT_FIELDS).partial().shape, ...z.object(FAILURE_FIELDS).partial().shape })
  .meta({
    anyOf: [{ required: Object.keys(RESULT_FIELDS) }, { required: Object.keys(FAILURE_FIELDS) }],
  });
