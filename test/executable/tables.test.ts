import { expect, it } from 'vitest';
import { configText, temporaryFolder, type FileSettings } from '../fixtures/configuration.js';
import { runMcpx } from '../fixtures/executable.js';
import { run } from '../fixtures/io.js';

// The build takes away what the libraries of tables and colours do for nothing; here they are whole.
const WORDS = {
  ASCII: ['plain', 'longer-than-that', ''],
  'any script': ['plain', 'Grüße', '世界', 'e\u0301', '🎉 👩‍👩‍👧', 'ｗｉｄｅ', ''],
};

it.each(
  Object.entries(WORDS).flatMap(([kind, words]) =>
    ['always', 'never'].map((color) => ({ kind, words, color })),
  ),
)('tables in $kind of the build are those of the source, with --color $color', async ({ words, color }) => {
  using folder = temporaryFolder();
  const servers = Array.from({ length: 40 }, (_, index) => [
    `server_${index}`,
    {
      url: `http://127.0.0.1:1/${index}`,
      priority: index + 1,
      domains: [words[index % words.length] || 'x'],
    },
  ]);
  const file = folder.write(
    'c.json',
    configText(Object.fromEntries(servers) as Record<string, FileSettings>),
  );
  const argv = ['servers', 'list', '--color', color, '-c', file];
  const built = await runMcpx(argv);
  const { stdout } = await run(argv);
  expect(stdout.includes('\u001b[1m')).toBe(color === 'always');
  expect(stdout.split('\n')).toHaveLength(42);
  expect(built.stdout).toBe(stdout);
});
