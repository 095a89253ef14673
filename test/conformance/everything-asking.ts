import {
  acceptedContent,
  CLIENT_CAPABILITIES_META_KEY,
  inputRequired,
  inputResponse,
  type ClientCapabilities,
  type ElicitRequestFormParams,
  type InputRequests,
  type McpServer,
  type ServerContext,
} from '@modelcontextprotocol/server';
import { z } from 'zod';
import { text } from './everything-content.js';
import { requestStates } from './everything-states.js';

const NAME = z.object({ name: z.string() });
const OK = z.object({ ok: z.boolean() });

const askName = (message = 'What is your name?') => inputRequired.elicit({ message, requestedSchema: NAME });
/** Asks the model of the client. */
export const askModel = (said: string, maxTokens: number) =>
  inputRequired.createMessage({ maxTokens, messages: [{ role: 'user', content: text(said) }] });

const FORMS: Readonly<Record<string, ElicitRequestFormParams['requestedSchema']>> = {
  test_elicitation_sep1034_defaults: {
    type: 'object',
    properties: {
      name: { type: 'string', default: 'John Doe' },
      age: { type: 'integer', default: 30 },
      score: { type: 'number', default: 95.5 },
      status: { type: 'string', enum: ['active', 'inactive', 'pending'], default: 'active' },
      verified: { type: 'boolean', default: true },
    },
  },
  test_elicitation_sep1330_enums: {
    type: 'object',
    properties: {
      untitledSingle: { type: 'string', enum: ['option1', 'option2', 'option3'] },
      titledSingle: {
        type: 'string',
        oneOf: [
          { const: 'value1', title: 'First Option' },
          { const: 'value2', title: 'Second Option' },
          { const: 'value3', title: 'Third Option' },
        ],
      },
      legacyEnum: {
        type: 'string',
        enum: ['opt1', 'opt2', 'opt3'],
        enumNames: ['Option One', 'Option Two', 'Option Three'],
      },
      untitledMulti: { type: 'array', items: { type: 'string', enum: ['option1', 'option2', 'option3'] } },
      titledMulti: {
        type: 'array',
        items: {
          anyOf: [
            { const: 'value1', title: 'First Choice' },
            { const: 'value2', title: 'Second Choice' },
            { const: 'value3', title: 'Third Choice' },
          ],
        },
      },
    },
  },
};

const CONTACT: ElicitRequestFormParams['requestedSchema'] = {
  type: 'object',
  properties: {
    username: { type: 'string', description: "User's response" },
    email: { type: 'string', description: "User's email address" },
  },
  required: ['username', 'email'],
};

/** Tools that ask: their results say what for; in the revisions before 2026-07-28 the SDK makes requests of that. */
export function registerAskingTools(server: McpServer): void {
  registerNamedBefore(server);
  registerNamedSince(server);
}

function registerNamedBefore(server: McpServer): void {
  server.registerTool(
    'test_sampling',
    { description: 'Asks the model of the client', inputSchema: z.object({ prompt: z.string() }) },
    ({ prompt }, { mcpReq }) => {
      const given = inputResponse(mcpReq.inputResponses, 'thought');
      return given.kind === 'sampling'
        ? said(`LLM response: ${JSON.stringify(given.result.content)}`)
        : inputRequired({ inputRequests: { thought: askModel(prompt, 100) } });
    },
  );
  server.registerTool(
    'test_elicitation',
    { description: 'Asks the user', inputSchema: z.object({ message: z.string() }) },
    ({ message }, context) => askForm(context, 'User response', message, CONTACT),
  );
  for (const [name, requestedSchema] of Object.entries(FORMS)) {
    server.registerTool(name, { description: 'Asks the user by a form' }, (context) =>
      askForm(context, 'Elicitation completed', 'Please fill in', requestedSchema),
    );
  }
}

function askForm(
  { mcpReq }: ServerContext,
  label: string,
  message: string,
  requestedSchema: ElicitRequestFormParams['requestedSchema'],
) {
  const given = inputResponse(mcpReq.inputResponses, 'form');
  return given.kind === 'elicit'
    ? said(`${label}: action=${given.action}, content=${JSON.stringify(given.content)}`)
    : inputRequired({ inputRequests: { form: inputRequired.elicit({ message, requestedSchema }) } });
}

function registerNamedSince(server: McpServer): void {
  const register = (
    name: string,
    answer: (context: ServerContext) => ReturnType<typeof said> | Promise<ReturnType<typeof said>>,
  ) =>
    server.registerTool(`test_input_required_result_${name}`, { description: 'Asks in its result' }, answer);

  register('elicitation', ({ mcpReq }) => {
    const given = acceptedContent(mcpReq.inputResponses, 'user_name', NAME);
    if (given !== undefined) return said(`Hello, ${given.name}!`);
    return inputRequired({ inputRequests: { user_name: askName() } });
  });
  register('sampling', ({ mcpReq }) => {
    const given = inputResponse(mcpReq.inputResponses, 'capital_question');
    if (given.kind === 'sampling') return said(JSON.stringify(given.result.content));
    return inputRequired({
      inputRequests: { capital_question: askModel('What is the capital of France?', 100) },
    });
  });
  register('list_roots', ({ mcpReq }) => {
    const given = inputResponse(mcpReq.inputResponses, 'client_roots');
    if (given.kind === 'roots') return said(given.roots.map(({ uri }) => uri).join(' '));
    return inputRequired({ inputRequests: { client_roots: inputRequired.listRoots() } });
  });
  for (const name of ['request_state', 'tampered_state']) {
    register(name, async ({ mcpReq }) => {
      const given = acceptedContent(mcpReq.inputResponses, 'confirm', OK);
      if (given !== undefined && mcpReq.requestState() !== undefined) return said('state-ok');
      return inputRequired({
        inputRequests: {
          confirm: inputRequired.elicit({ message: 'Please confirm', requestedSchema: OK }),
        },
        requestState: await requestStates.mint({ step: 1 }),
      });
    });
  }
  register('multiple_inputs', async ({ mcpReq }) => {
    const keys = ['user_name', 'greeting', 'client_roots'];
    const given = keys.map((key) => inputResponse(mcpReq.inputResponses, key).kind);
    if (!given.includes('missing')) return said(given.join(' '));
    return inputRequired({
      inputRequests: {
        user_name: askName(),
        greeting: askModel('Generate a greeting', 50),
        client_roots: inputRequired.listRoots(),
      },
      requestState: await requestStates.mint({ step: 1 }),
    });
  });
  register('multi_round', async ({ mcpReq }) => {
    const { step = 0 } = mcpReq.requestState<{ step: number }>() ?? {};
    const color = z.object({ color: z.string() });
    if (step === 2) {
      const given = acceptedContent(mcpReq.inputResponses, 'step2', color);
      if (given !== undefined) return said(`Your favorite color is ${given.color}`);
    }
    if (step === 1 && acceptedContent(mcpReq.inputResponses, 'step1', NAME) !== undefined) {
      return inputRequired({
        inputRequests: {
          step2: inputRequired.elicit({
            message: 'Step 2: What is your favorite color?',
            requestedSchema: color,
          }),
        },
        requestState: await requestStates.mint({ step: 2 }),
      });
    }
    return inputRequired({
      inputRequests: { step1: askName('Step 1: What is your name?') },
      requestState: await requestStates.mint({ step: 1 }),
    });
  });
  register('capabilities', ({ mcpReq }) => {
    const capabilities = clientCapabilities(mcpReq);
    const inputRequests: InputRequests = {
      ...(capabilities?.elicitation === undefined ? {} : { user_name: askName() }),
      ...(capabilities?.sampling === undefined ? {} : { greeting: askModel('Generate a greeting', 50) }),
    };
    return Object.keys(inputRequests).length === 0
      ? said('Nobody can be asked')
      : inputRequired({ inputRequests });
  });
}

function said(answer: string): { content: ReturnType<typeof text>[] } | ReturnType<typeof inputRequired> {
  return { content: [text(answer)] };
}

/** What a client of 2026-07-28 says with each request that it can do. */
function clientCapabilities({ envelope }: ServerContext['mcpReq']): ClientCapabilities | undefined {
  return (envelope as Readonly<Record<string, ClientCapabilities>> | undefined)?.[
    CLIENT_CAPABILITIES_META_KEY
  ];
}
