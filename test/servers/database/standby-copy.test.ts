import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createOperation } from '../../../src/core/operation.js';
import { copyAtRest, newCopyName, removeCopies } from '../../../src/servers/database/standby-copy.js';
import { temporaryFolder, type TemporaryFolder } from '../../fixtures/configuration.js';

const { signal } = new AbortController();

describe('a copy of a data directory', () => {
  let folder: TemporaryFolder;
  let directory: string;
  let copy: string;
  beforeAll(() => {
    folder = temporaryFolder();
    directory = path.join(folder.path, 'data');
    copy = newCopyName(directory);
    mkdirSync(path.join(directory, 'base/pgsql_tmp'), { recursive: true });
    mkdirSync(path.join(directory, 'empty'));
    for (let n = 0; n < 50; n += 1) writeFileSync(path.join(directory, 'base', String(n)), `page ${n}`);
    writeFileSync(path.join(directory, 'base/pgsql_tmp/1'), 'a sort');
    writeFileSync(path.join(directory, 'postmaster.pid'), '42');
  });
  afterAll(() => folder[Symbol.dispose]());

  it('holds the data and nothing of who uses it', async () => {
    await copyAtRest(directory, copy, signal);
    expect(readdirSync(copy).sort()).toEqual(['base', 'empty']);
    expect(readdirSync(path.join(copy, 'base'))).toHaveLength(50);
    expect(readFileSync(path.join(copy, 'base/7'), 'utf8')).toBe('page 7');
  });

  it('is none where somebody writes meanwhile', async () => {
    const other = newCopyName(directory);
    const writer = { over: false };
    const copying = copyAtRest(directory, other, signal).finally(() => (writer.over = true));
    const failed = expect(copying).rejects.toThrow('changed while it was copied');
    while (!writer.over) {
      appendFileSync(path.join(directory, 'base/3'), '.');
      await setImmediate();
    }
    await failed;
    expect(existsSync(other)).toBe(false);
  });

  it('is none where it would be too large, or nobody wants it any more', async () => {
    const other = newCopyName(directory);
    await expect(copyAtRest(directory, other, AbortSignal.abort(new Error('stopped')))).rejects.toThrow(
      'stopped',
    );
    writeFileSync(path.join(directory, 'large'), '');
    truncateSync(path.join(directory, 'large'), 2 ** 31);
    await expect(copyAtRest(directory, other, signal)).rejects.toThrow('too large');
    expect(existsSync(other)).toBe(false);
  });

  it('is removed by the next who has the directory, with nothing else', async () => {
    writeFileSync(path.join(folder.path, 'data.mcpx-copy-2026'), 'of a user');
    expect(existsSync(copy)).toBe(true);
    await removeCopies(directory, createOperation());
    expect(readdirSync(folder.path).sort()).toEqual(['data', 'data.mcpx-copy-2026']);
  });

  it('may stay where it cannot be removed, and the log tells so', async () => {
    const events: string[] = [];
    const op = createOperation({ logger: { log: (_level, event) => events.push(event) } });
    // As where the directory may be used, and what lies beside it not be looked at.
    await removeCopies(path.join(folder.path, 'none', 'data'), op);
    expect(events).toEqual(['database.copies_left']);
  });
});
