import * as z from 'zod/v4';

/** What a caller may ask of the server, as its flags set it. */
export interface ToolLimits {
  readonly queryTimeoutMs: number;
  readonly maxRows: number;
  readonly maxBytes: number;
  readonly maxQueryChars: number;
}

const DEFAULT_ROWS = 1000;

const FAILURE_FIELDS = {
  category: z.string().describe('From the SQLSTATE: syntax_or_access, read_only, data, timeout, busy …'),
  sqlstate: z.string().describe('Five characters, PostgreSQL manual, Appendix A'),
  message: z.string(),
  position: z.int().nullable().describe('1-based character of the query'),
  hint: z.string().nullable(),
};

/**
 * A result or a failure. One object with two sets of required fields, because a schema's root must be an object, and
 * clients of the first SDK check failures against it too.
 */
function orFailure<Fields extends z.ZodRawShape>(fields: Fields) {
  return z
    .object({ ...z.object(fields).partial().shape, ...z.object(FAILURE_FIELDS).partial().shape })
    .meta({ anyOf: [{ required: Object.keys(fields) }, { required: Object.keys(FAILURE_FIELDS) }] });
}

function queryField({ maxQueryChars }: ToolLimits, what: string) {
  return z.string().describe(`${what}; at most ${maxQueryChars} characters`);
}

export function executeQuerySchemas(limits: ToolLimits) {
  const { maxRows, maxBytes } = limits;
  return {
    inputSchema: z.object({
      query: queryField(limits, 'One PostgreSQL statement that only reads: SELECT, VALUES, TABLE or EXPLAIN'),
      max_rows: z
        .int()
        .min(1)
        .max(maxRows)
        .default(Math.min(DEFAULT_ROWS, maxRows))
        .describe('Rows beyond this are left out, and the result says that it is truncated'),
    }),
    outputSchema: orFailure({
      columns: z
        .array(z.object({ name: z.string(), type: z.string() }))
        .describe('In the order of the select list; names may repeat'),
      rows: z
        .array(z.array(z.unknown()))
        .describe(
          'Cells in the order of the columns; bigint and numeric as text, times ISO 8601, NULL as null',
        ),
      row_count: z.int().describe('Rows in this result'),
      truncated: z
        .boolean()
        .describe(`There were more rows than max_rows, or than fit into ${maxBytes} bytes`),
      query: z.string(),
      elapsed_ms: z.number(),
    }),
  };
}

export function explainQuerySchemas(limits: ToolLimits) {
  return {
    inputSchema: z.object({
      query: queryField(limits, 'One SELECT, VALUES or TABLE statement, without EXPLAIN'),
    }),
    outputSchema: orFailure({
      plan: z.record(z.string(), z.unknown()).describe("PostgreSQL's plan as EXPLAIN (FORMAT JSON) gives it"),
      estimated_rows: z.number(),
      estimated_cost: z.number().describe("In PostgreSQL's units, where reading one page costs 1"),
      query: z.string(),
      elapsed_ms: z.number(),
    }),
  };
}

const objectSchema = z.object({
  kind: z.enum(['table', 'view', 'column']),
  schema: z.string(),
  table: z.string(),
  column: z.string().nullable(),
  type: z.string().nullable(),
  description: z.string().nullable(),
});

export const searchObjectsSchemas = {
  inputSchema: z.object({
    words: z
      .string()
      .min(1)
      .max(200)
      .describe('Words of names or descriptions, as in "customer city"; case and plural do not count'),
    limit: z.int().min(1).max(200).default(20),
  }),
  outputSchema: orFailure({
    matches: z.array(objectSchema).describe('Best first: names before descriptions'),
    match_count: z.int().describe('How many there are, beyond the limit too'),
    truncated: z.boolean(),
    elapsed_ms: z.number(),
  }),
};

const MAX_VALUE_CHARS = 200;

export const searchValuesSchemas = {
  inputSchema: z.object({
    value: z
      .string()
      .min(1)
      .max(MAX_VALUE_CHARS)
      .describe(
        'What to look for; case does not count. A number, date or id is found in columns of its type too',
      ),
    tables: z
      .array(z.string())
      .min(1)
      .max(100)
      .optional()
      .describe('Where to look; all tables when left out'),
    match: z.enum(['contains', 'equals', 'starts_with']).default('contains').describe('How texts must match'),
    limit: z.int().min(1).max(200).default(50),
  }),
  outputSchema: orFailure({
    matches: z.array(
      z.object({
        schema: z.string(),
        table: z.string(),
        column: z.string(),
        value: z.string().describe('As it stands in the table, at most 200 characters of it'),
        rows: z.int().describe('Rows that hold it, of those that were looked at'),
      }),
    ),
    looked_at: z.array(z.object({ schema: z.string(), table: z.string(), columns: z.array(z.string()) })),
    not_looked_at: z
      .array(
        z.object({
          schema: z.string(),
          table: z.string(),
          columns: z.array(z.string()).describe('Empty: rows of the table as a whole'),
          reason: z.string(),
        }),
      )
      .describe('Where the value may be all the same'),
    truncated: z.boolean().describe('There are more matches'),
    elapsed_ms: z.number(),
  }),
};
