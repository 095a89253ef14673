import { expect, it } from 'vitest';
import { configText, temporaryFolder, type FileSettings } from '../fixtures/configuration.js';
import { runMcpx } from '../fixtures/executable.js';
import { run } from '../fixtures/io.js';

// The build takes away what the libraries of tables and colours do for nothing; here they are whole.
it.each(['always', 'never'])(
  'tables of the build are those of the source, with --color %s',
  async (color) => {
    using folder = temporaryFolder();
    const words = ['plain', 'Grüße', '世界', 'e\u0301', '🎉 👩‍👩‍👧', 'ｗｉｄｅ', ''];
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
  },
);
