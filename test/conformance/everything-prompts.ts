import {
  acceptedContent,
  completable,
  inputRequired,
  type McpServer,
  type RegisteredPrompt,
} from '@modelcontextprotocol/server';
import { z } from 'zod';
import { image, text } from './everything-content.js';
import { describeChanges, type ChangingLists } from './everything.js';

const CITIES = ['paris', 'park', 'party'];
const user = <Content>(content: Content) => ({ role: 'user' as const, content });

/** @returns the prompt that changes */
export function registerPrompts(server: McpServer, { changes }: ChangingLists): RegisteredPrompt {
  server.registerPrompt('test_simple_prompt', { description: 'A prompt without arguments' }, () => ({
    messages: [user(text('This is a simple prompt for testing.'))],
  }));
  const argument = (description: string) =>
    completable(z.string().describe(description), (value) => CITIES.filter((city) => city.startsWith(value)));
  server.registerPrompt(
    'test_prompt_with_arguments',
    {
      description: 'A prompt with two arguments',
      argsSchema: z.object({ arg1: argument('First test argument'), arg2: argument('Second test argument') }),
    },
    ({ arg1, arg2 }) => ({
      messages: [user(text(`Prompt with arguments: arg1='${arg1}', arg2='${arg2}'`))],
    }),
  );
  server.registerPrompt(
    'test_prompt_with_embedded_resource',
    {
      description: 'A prompt that embeds a resource',
      argsSchema: z.object({ resourceUri: z.string().describe('URI of the resource to embed') }),
    },
    ({ resourceUri }) => ({
      messages: [
        user({
          type: 'resource' as const,
          resource: {
            uri: resourceUri,
            mimeType: 'text/plain',
            text: 'Embedded resource content for testing.',
          },
        }),
        user(text('Please process the embedded resource above.')),
      ],
    }),
  );
  server.registerPrompt('test_prompt_with_image', { description: 'A prompt with a picture' }, () => ({
    messages: [user(image), user(text('Please analyze the image above.'))],
  }));
  server.registerPrompt(
    'test_input_required_result_prompt',
    { description: 'A prompt that asks before it answers' },
    (context) => {
      const given = acceptedContent(
        context.mcpReq.inputResponses,
        'user_context',
        z.object({ context: z.string() }),
      );
      if (given !== undefined) return { messages: [user(text(`In the context of ${given.context}`))] };
      return inputRequired({
        inputRequests: {
          user_context: inputRequired.elicit({
            message: 'What context should the prompt use?',
            requestedSchema: z.object({ context: z.string() }),
          }),
        },
      });
    },
  );
  return server.registerPrompt(
    'test_changing_prompt',
    { description: describeChanges(changes.promptsChanged) },
    () => ({ messages: [user(text('changed'))] }),
  );
}
