import { configJsonSchema } from '../src/core/config/schema.js';

/** The path of a setting, `*` for the id of a server: `mcp_servers.*.retry.initial`. */
export type SettingPath = `${'defaults' | 'gateway' | 'mcp_servers.*' | 'orchestration'}.${string}`;

/** What nothing in mcpx reads, with the reason. */
export const WITHOUT_EFFECT: Readonly<Record<string, string>> = {
  $schema: 'editors read it',
};

interface JsonSchema {
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly additionalProperties?: JsonSchema | boolean;
}

/** Every setting that the schema describes, in its order. */
export function settingPaths(schema = configJsonSchema() as JsonSchema, path = ''): string[] {
  if (path === 'mcp_servers' && typeof schema.additionalProperties === 'object') {
    return settingPaths(schema.additionalProperties, `${path}.*`);
  }
  if (schema.properties === undefined) return [path];
  return Object.entries(schema.properties).flatMap(([key, child]) =>
    settingPaths(child, path === '' ? key : `${path}.${key}`),
  );
}
