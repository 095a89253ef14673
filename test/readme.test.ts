import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const text = readFileSync('README.md', 'utf8');

interface Example {
  readonly command: string;
  readonly output: string;
}

/** A console block holds commands after `$ ` and below each what it prints; nothing below it means anything goes. */
const examples: readonly Example[] = [...text.matchAll(/^```console\n([\s\S]*?)^```$/gm)].flatMap(
  ([, block = '']) =>
    block
      .split(/^\$ /m)
      .slice(1)
      .map((part) => {
        const [command = '', ...output] = part.split('\n');
        return { command, output: output.join('\n') };
      }),
);

let bin: string;

beforeAll(() => {
  bin = mkdtempSync(join(tmpdir(), 'mcpx-readme-'));
  mkdirSync(join(bin, 'home'));
  // What npx would find, without asking a registry.
  symlinkSync(resolve('test/fixtures/npx.sh'), join(bin, 'npx'));
  symlinkSync(resolve('bin/mcpx.js'), join(bin, 'mcpx'));
});

afterAll(() => {
  rmSync(bin, { recursive: true, force: true });
});

describe('README', () => {
  test('has examples to run', () => {
    expect(examples.length).toBeGreaterThanOrEqual(4);
  });

  test.each(examples)('$command prints what the README says', async ({ command, output }) => {
    const env = {
      ...process.env,
      PATH: `${bin}:${process.env['PATH']}`,
      HOME: join(bin, 'home'),
      NO_COLOR: '1',
    };
    const run = await promisify(execFile)('sh', ['-c', command], { env, maxBuffer: 64 * 1024 * 1024 }).catch(
      (error: { stdout: string; stderr: string; code: number }) => error,
    );
    // Whatever went wrong says so there.
    expect(run.stderr).toBe('');
    if (output.trim() === '') expect(run.stdout).not.toBe('');
    else expect(comparable(run.stdout)).toBe(comparable(output));
  });

  test('every relative link leads somewhere', () => {
    for (const [, target = ''] of text.matchAll(/\]\((?!https?:|#)([^)#]+)/g)) {
      expect(existsSync(target), target).toBe(true);
    }
  });
});

/** Times differ from run to run, and with them the widths of their columns. */
function comparable(output: string): string {
  return output
    .replace(/\b\d+(?:\.\d+)? m?s\b/g, '<time>')
    .split('\n')
    .map((line) => line.replace(/ +/g, ' ').trim())
    .join('\n')
    .trim();
}
