import { setTimeout as sleep } from 'node:timers/promises';
import {
  fromJsonSchema,
  inputRequired,
  type McpServer,
  type RegisteredTool,
  type ServerContext,
} from '@modelcontextprotocol/server';
import { z } from 'zod';
import { askModel } from './everything-asking.js';
import { image, text, WAV } from './everything-content.js';
import { describeChanges, type ChangingLists } from './everything.js';

/** The suite looks whether every keyword of it arrives. */
const SCHEMA_2020_12 = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  type: 'object' as const,
  $defs: {
    address: {
      $anchor: 'addressDef',
      type: 'object',
      properties: { street: { type: 'string' }, city: { type: 'string' } },
    },
  },
  properties: {
    name: { type: 'string' },
    address: { $ref: '#/$defs/address' },
    contactMethod: { type: 'string', enum: ['phone', 'email'] },
    phone: { type: 'string' },
    email: { type: 'string' },
  },
  allOf: [{ anyOf: [{ required: ['phone'] }, { required: ['email'] }] }],
  if: { properties: { contactMethod: { const: 'phone' } }, required: ['contactMethod'] },
  // oxlint-disable-next-line unicorn/no-thenable -- a keyword of JSON Schema
  then: { required: ['phone'] },
  else: { required: ['email'] },
  additionalProperties: false,
};

const PAUSE_MS = 50;

/** @returns the tool that changes */
export function registerTools(server: McpServer, lists: ChangingLists): RegisteredTool {
  server.registerTool('test_simple_text', { description: 'Answers with a text' }, () => ({
    content: [text('This is a simple text response for testing.')],
  }));
  server.registerTool('test_image_content', { description: 'Answers with a picture' }, () => ({
    content: [image],
  }));
  server.registerTool('test_audio_content', { description: 'Answers with a sound' }, () => ({
    content: [{ type: 'audio', data: WAV, mimeType: 'audio/wav' }],
  }));
  server.registerTool('test_embedded_resource', { description: 'Answers with a resource' }, () => ({
    content: [
      {
        type: 'resource',
        resource: {
          uri: 'test://embedded-resource',
          mimeType: 'text/plain',
          text: 'This is an embedded resource content.',
        },
      },
    ],
  }));
  server.registerTool('test_multiple_content_types', { description: 'Answers with several kinds' }, () => ({
    content: [
      text('Multiple content types test:'),
      image,
      {
        type: 'resource',
        resource: {
          uri: 'test://mixed-content-resource',
          mimeType: 'application/json',
          text: JSON.stringify({ test: 'data', value: 123 }),
        },
      },
    ],
  }));
  server.registerTool('test_error_handling', { description: 'Fails' }, () => {
    throw new Error('This tool intentionally returns an error for testing');
  });
  server.registerTool('test_tool_with_logging', { description: 'Logs thrice' }, async ({ mcpReq }) => {
    await mcpReq.log('info', 'Tool execution started');
    await sleep(PAUSE_MS);
    await mcpReq.log('info', 'Tool processing data');
    await sleep(PAUSE_MS);
    await mcpReq.log('info', 'Tool execution completed');
    return { content: [text('Logged three messages')] };
  });
  server.registerTool('test_logging_tool', { description: 'Logs where it may' }, async ({ mcpReq }) => {
    await mcpReq.log('info', 'Logged by request only');
    return { content: [text('Logged')] };
  });
  server.registerTool('test_tool_with_progress', { description: 'Tells its progress' }, async (context) => {
    for (const progress of [0, 50, 100]) {
      await tellProgress(context, progress);
      await sleep(PAUSE_MS);
    }
    return { content: [text('Progressed')] };
  });
  server.registerTool(
    'json_schema_2020_12_tool',
    { description: 'Tool with JSON Schema 2020-12 features', inputSchema: fromJsonSchema(SCHEMA_2020_12) },
    (given) => ({ content: [text(JSON.stringify(given))] }),
  );
  server.registerTool(
    'test_parameter_headers',
    {
      description: 'Has parameters that clients repeat in headers',
      inputSchema: z.object({
        region: z.string().meta({ 'x-mcp-header': 'Region' }),
        limit: z.int().meta({ 'x-mcp-header': 'Limit' }).optional(),
      }),
    },
    (given) => ({ content: [text(JSON.stringify(given))] }),
  );
  // The SDK refuses to ask a client for what it has not said it can do.
  server.registerTool('test_missing_capability', { description: 'Needs sampling' }, () =>
    inputRequired({ inputRequests: { thought: askModel('Think', 10) } }),
  );
  server.registerTool('test_streaming_elicitation', { description: 'Asks on a stream' }, async (context) => {
    await tellProgress(context, 1);
    return inputRequired({
      inputRequests: {
        name: inputRequired.elicit({
          message: 'Who are you?',
          requestedSchema: z.object({ name: z.string() }),
        }),
      },
    });
  });
  for (const [name, changed] of [
    ['test_trigger_tool_change', 'toolsChanged'],
    ['test_trigger_prompt_change', 'promptsChanged'],
  ] as const) {
    server.registerTool(name, { description: 'Changes a list' }, () => {
      lists.change(changed);
      return { content: [text('Changed')] };
    });
  }
  return server.registerTool(
    'test_changing_tool',
    { description: describeChanges(lists.changes.toolsChanged) },
    () => ({ content: [text('changed')] }),
  );
}

async function tellProgress({ mcpReq }: ServerContext, progress: number): Promise<void> {
  const progressToken = mcpReq._meta?.progressToken;
  if (progressToken === undefined) return;
  await mcpReq.notify({
    method: 'notifications/progress',
    params: { progressToken, progress, total: 100 },
  });
}
