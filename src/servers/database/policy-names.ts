import { ALLOWED_FUNCTIONS, ALLOWED_TYPES } from './functions.js';
import type { ServedNames, ServedRelation } from './served-names.js';

/** What the policy goes by; a description of the database is one. */
export interface PolicyOptions {
  /** Schemas whose tables may be named, in the order in which names without a schema are looked up. */
  readonly schemas: readonly string[];
  /** Without it, nothing but built-in functions and types is known. */
  readonly names?: ServedNames;
}

const NO_NAMES: ServedNames = {
  relations: [],
  types: [],
  fields: [],
  ownFunctions: [],
  ownOperators: [],
  refusedAttributes: [],
  functions: [],
};

/** The names of the database, ready to be asked. */
export class PolicyNames {
  readonly ownFunctions: ReadonlySet<string>;
  readonly ownOperators: ReadonlySet<string>;
  readonly functions: ReadonlySet<string>;
  private readonly refused: ReadonlySet<string>;
  private readonly relations = new Map<string, ServedRelation>();
  private readonly types: ReadonlySet<string>;
  private readonly known: ReadonlySet<string>;

  private constructor(
    readonly schemas: readonly string[],
    names: ServedNames,
  ) {
    for (const relation of names.relations) this.relations.set(key(relation.schema, relation.name), relation);
    this.ownFunctions = new Set(names.ownFunctions);
    this.ownOperators = new Set(names.ownOperators);
    this.functions = new Set(names.functions);
    this.refused = new Set(names.refusedAttributes);
    this.types = new Set(names.types.map(({ schema, name }) => key(schema, name)));
    this.known = new Set([...names.fields, ...names.relations.flatMap(({ columns }) => columns)]);
  }

  private static readonly made = new WeakMap<PolicyOptions, PolicyNames>();

  static of(options: PolicyOptions): PolicyNames {
    let names = PolicyNames.made.get(options);
    if (names === undefined) {
      names = new PolicyNames(options.schemas, options.names ?? NO_NAMES);
      PolicyNames.made.set(options, names);
    }
    return names;
  }

  /** The columns of a served relation, or undefined where none of that name is known. */
  columnsOf(schema: string | undefined, name: string): readonly string[] | undefined {
    const schemas = schema === undefined ? this.schemas : [schema];
    for (const candidate of schemas) {
      const relation = this.relations.get(key(candidate, name));
      if (relation !== undefined) return relation.columns;
    }
    return undefined;
  }

  /** A field that a value may have whose type the policy cannot tell. */
  isField(name: string): boolean {
    return this.known.has(name) || FIELDS_OF_FUNCTIONS.has(name) || /^f\d+$|^column\d+$/.test(name);
  }

  /** What `value.name` would do where the value has no such field. */
  isRefusedAttribute(name: string): boolean {
    return this.refused.has(name);
  }

  isServedType(schema: string | undefined, name: string): boolean {
    if (schema === 'pg_catalog') return ALLOWED_TYPES.has(name);
    if (schema !== undefined) return this.types.has(key(schema, name));
    return ALLOWED_TYPES.has(name) || this.schemas.some((candidate) => this.types.has(key(candidate, name)));
  }

  /** Whether PostgreSQL would call that function by attribute notation, `value.name`. */
  isFunction(name: string): boolean {
    return this.functions.has(name) || ALLOWED_FUNCTIONS.has(name);
  }
}

/** Columns of rows that functions make. */
const FIELDS_OF_FUNCTIONS = new Set(['key', 'value', 'ordinality', 'lexeme', 'positions', 'weights']);

function key(schema: string, name: string): string {
  return JSON.stringify([schema, name]);
}
