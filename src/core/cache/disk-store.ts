import {
  lstatSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  type Stats,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { makeFolder } from '../make-folder.js';
import type { Entry, Shelf } from './entry.js';
import { parseShelf, printShelf, type ShelfFile } from './shelf-file.js';

export interface DiskOptions {
  /** Private to the user; made when something is written. */
  readonly folder: string;
  /** Of all files together. */
  readonly maxBytes: number;
  /** The stamps, by key, of files whose digest was right before: while they have the same it still is. */
  readonly checked?: ReadonlyMap<string, string>;
  /** Hears once of a disk that cannot be written. */
  readonly onTrouble?: (error: Error) => void;
}

/** Nobody will ask again for what was not used for a month. */
const LONGEST_UNUSED_MS = 30 * 24 * 3600 * 1000;
/** A file that a killed process left half-written. */
const LONGEST_WRITE_MS = 10 * 60 * 1000;
/** How exact the time of the last use is; a use within it writes nothing. */
const TOUCH_AFTER_MS = 60 * 1000;

/** Names of a server that are forgotten one by one. */
const MOST_FORGOTTEN = 10_000;

const SHELF_FILE = /^[0-9a-f]{32}\.json$/;

/**
 * The cache of the command line: one file for each server and set of credentials, so that a run reads few files.
 *
 * Files appear whole, by renaming, and are checked when they are read. One that is damaged, foreign or another's
 * counts as not there. Used by short-lived commands, so it reads and writes synchronously.
 */
export class DiskStore {
  readonly #options: DiskOptions;
  /** What the file looked like when it was read, to see whether another process wrote it since. */
  readonly #seen = new Map<string, string>();
  /** Answers that are as they were read or written last. */
  readonly #fromDisk = new WeakSet<Entry>();
  /** When answers were forgotten here: another process may have written them before. */
  readonly #forgotten = new Map<string, { all: number; names: Map<string, number> }>();
  /** It was made, or looked at, in this round of writing. */
  #hasFolder = false;
  #wasOwn = false;
  #isTroubled = false;

  constructor(options: DiskOptions) {
    this.#options = options;
  }

  /** What the files that were read or written look like, by key: each was whole then. */
  get stamps(): ReadonlyMap<string, string> {
    return this.#seen;
  }

  /** What is kept for a server, or nothing. */
  read(key: string): readonly (readonly [string, Entry])[] {
    const file = this.#fileOf(key);
    // Before it is read: what another process writes meanwhile must not pass for what was read.
    const stats = statsOf(file);
    const stamp = stampOf(stats);
    this.#seen.set(key, stamp);
    const isChecked = this.#options.checked?.get(key) === stamp;
    const found = this.#isFolderOwn() ? readShelf(file, key, isChecked, stats) : undefined;
    if (stats === undefined || found === undefined) return [];
    for (const [, entry] of found.entries) this.#fromDisk.add(entry);
    this.#touch(file, stats);
    return found.entries;
  }

  forget(key: string, name: string | undefined, now: number): void {
    const forgotten = this.#forgotten.get(key) ?? { all: 0, names: new Map<string, number>() };
    if (name === undefined) forgotten.all = now;
    else forgotten.names.set(name, now);
    // Servers choose the names: one that tells of ever new ones costs its own answers, not our memory.
    if (forgotten.names.size > MOST_FORGOTTEN) {
      forgotten.all = now;
      forgotten.names.clear();
    }
    this.#forgotten.set(key, forgotten);
  }

  /** Replaces what is kept for a server, and adds what another process has learned meanwhile. */
  write(shelf: Shelf, entries: readonly (readonly [string, Entry])[]): void {
    this.writeAll([[shelf, entries]]);
  }

  /** The same for several servers; room is made once, after all of them. */
  writeAll(kept: readonly (readonly [Shelf, readonly (readonly [string, Entry])[]])[]): void {
    this.#hasFolder = false;
    for (const [shelf, entries] of kept) this.#write(shelf, entries);
    if (!this.#isTroubled) this.#makeRoom(new Set(kept.map(([{ key }]) => `${key}.json`)));
  }

  #write(shelf: Shelf, entries: readonly (readonly [string, Entry])[]): void {
    const file = this.#fileOf(shelf.key);
    try {
      this.#makeFolder();
      const text = this.#print(shelf, this.#merged(shelf.key, file, entries));
      if (text === undefined) rmSync(file, { force: true });
      else replaceFile(file, text);
      for (const [, entry] of entries) this.#fromDisk.add(entry);
      this.#seen.set(shelf.key, stampOf(statsOf(file)));
    } catch (error) {
      this.#remove(file);
      if (!this.#isTroubled) this.#options.onTrouble?.(error as Error);
      this.#isTroubled = true;
    }
  }

  /** The file's text; without the oldest answers where all of them would be too much. */
  #print(shelf: Shelf, entries: readonly (readonly [string, Entry])[]): string | undefined {
    let left = [...entries];
    while (left.length > 0) {
      const text = printShelf({ ...shelf, entries: left });
      if (Buffer.byteLength(text) <= this.#options.maxBytes) return text;
      left = left.sort(([, a], [, b]) => a.storedAt - b.storedAt).slice(Math.ceil(left.length / 4));
    }
    return undefined;
  }

  #merged(
    key: string,
    file: string,
    entries: readonly (readonly [string, Entry])[],
  ): readonly (readonly [string, Entry])[] {
    const stats = statsOf(file);
    if (stampOf(stats) === this.#seen.get(key)) return entries;
    const forgotten = this.#forgotten.get(key);
    const merged = new Map(
      (readShelf(file, key)?.entries ?? []).filter(
        ([name, { storedAt }]) => storedAt > Math.max(forgotten?.all ?? 0, forgotten?.names.get(name) ?? 0),
      ),
    );
    for (const [name, entry] of entries) {
      // Nobody learned that here: where another process has cleared or replaced it, that stands.
      if (this.#fromDisk.has(entry)) continue;
      const other = merged.get(name);
      if (other === undefined || other.storedAt <= entry.storedAt) merged.set(name, entry);
    }
    return [...merged];
  }

  #makeFolder(): void {
    if (this.#hasFolder) return;
    makeFolder(this.#options.folder, 0o700);
    assertOwn(this.#options.folder);
    this.#hasFolder = true;
  }

  /** Removes what has not been used for the longest time until the rest fits; what was just written goes last. */
  #makeRoom(justWritten: ReadonlySet<string>): void {
    const files = listFiles(this.#options.folder);
    let total = files.reduce((sum, { bytes }) => sum + bytes, 0);
    const oldestFirst = files.sort(
      (a, b) => Number(justWritten.has(a.name)) - Number(justWritten.has(b.name)) || a.usedAt - b.usedAt,
    );
    for (const { name, bytes, usedAt } of oldestFirst) {
      const age = Date.now() - usedAt;
      const isLeftOver = !SHELF_FILE.test(name) && age > LONGEST_WRITE_MS;
      if (total <= this.#options.maxBytes && age < LONGEST_UNUSED_MS && !isLeftOver) continue;
      rmSync(path.join(this.#options.folder, name), { force: true });
      total -= bytes;
    }
  }

  /** Looked at once in a run: what is read comes from there within milliseconds. */
  #isFolderOwn(): boolean {
    this.#wasOwn ||= isOwn(this.#options.folder);
    return this.#wasOwn;
  }

  #touch(file: string, stats: Stats): void {
    try {
      const now = new Date();
      if (now.getTime() - usedAtOf(stats) > TOUCH_AFTER_MS) utimesSync(file, now, stats.mtime);
    } catch {
      // A read-only disk: the order of leaving is worse, the answers are right.
    }
  }

  /** What is there is older than what could not be written, which may be why that was asked for. */
  #remove(file: string): void {
    try {
      assertOwn(this.#options.folder);
      rmSync(file, { force: true });
    } catch {
      // A read-only disk: its answers are used for their time to live.
    }
  }

  #fileOf(key: string): string {
    return path.join(this.#options.folder, `${key}.json`);
  }
}

/** A shelf on disk, and how large its file is. */
export interface KeptShelf extends ShelfFile {
  readonly fileBytes: number;
}

/** What lies in the folder of a cache, most recently used first. @throws nothing: an unreadable folder is empty */
export function listShelves(folder: string): readonly KeptShelf[] {
  if (!isOwn(folder)) return [];
  return listFiles(folder)
    .sort((a, b) => b.usedAt - a.usedAt)
    .flatMap(({ name, bytes }) => {
      const shelf = readShelf(path.join(folder, name), name.replace(/\.json$/, ''));
      return shelf === undefined ? [] : [{ ...shelf, fileBytes: bytes }];
    });
}

/**
 * Empties the folder of a cache.
 *
 * @param servers  ids whose answers go; all files of ours when left out
 * @returns how many files went
 * @throws the file system's error where one cannot be removed
 */
export function clearShelves(folder: string, servers?: readonly string[]): number {
  let removed = 0;
  const isOurs = isOwn(folder);
  for (const { name } of listFiles(folder)) {
    const file = path.join(folder, name);
    const server = isOurs ? readShelf(file, name.replace(/\.json$/, ''))?.server : undefined;
    // A file that cannot be read belongs to nobody in particular, so it goes when everything does.
    if (servers !== undefined && (server === undefined || !servers.includes(server))) continue;
    rmSync(file, { force: true });
    removed += 1;
  }
  return removed;
}

/**
 * @param file  in a folder that is known to be the user's own
 * @param isChecked  as for `parseShelf`
 * @param stats  of the file, where it was looked at before
 */
function readShelf(file: string, key: string, isChecked = false, stats?: Stats): ShelfFile | undefined {
  try {
    assertOwn(file, stats);
    return parseShelf(readFileSync(file, 'utf8'), key, isChecked);
  } catch {
    return undefined;
  }
}

/**
 * Gives a file of a cache another content, private to the user: who reads it sees the old one, none, or the new one.
 *
 * The old one is removed first: renaming over it makes ext4 write the new one out at once (1 to 3 ms a file), for a
 * durability that a cache has no use for.
 *
 * @throws the file system's error; nothing half-written stays
 */
export function replaceFile(file: string, text: string): void {
  const unfinished = `${file}.${process.pid}.new`;
  try {
    writeFileSync(unfinished, text, { mode: 0o600 });
    removeOld(file);
    renameSync(unfinished, file);
  } catch (error) {
    rmSync(unfinished, { force: true });
    throw error;
  }
}

/** `rmSync` would load a module of Node (0.6 ms) for what else it can remove. */
function removeOld(file: string): void {
  try {
    unlinkSync(file);
  } catch {
    // There is none yet; what else is wrong the renaming tells.
  }
}

/**
 * Answers decide what models and people are told: only a file that nobody else can write is believed.
 *
 * @throws where others can write it, or it is not there
 */
export function assertOwn(file: string, found: Stats = lstatSync(file)): void {
  const { uid, mode } = found;
  if (!found.isFile() && !found.isDirectory()) throw new Error(`${path.basename(file)} is no plain file`);
  const isMine = process.getuid === undefined || uid === process.getuid();
  if (!isMine || (process.platform !== 'win32' && (mode & 0o022) !== 0)) {
    throw new Error(`${path.basename(file)} can be written by others`);
  }
}

function listFiles(
  folder: string,
): { readonly name: string; readonly bytes: number; readonly usedAt: number }[] {
  let names: string[];
  try {
    names = readdirSync(folder);
  } catch {
    return [];
  }
  return names.flatMap((name) => {
    if (!/^[0-9a-f]{32}\.json/.test(name)) return [];
    try {
      const stats = lstatSync(path.join(folder, name));
      return [{ name, bytes: stats.size, usedAt: usedAtOf(stats) }];
    } catch {
      // Another process removed it just now.
      return [];
    }
  });
}

function statsOf(file: string): Stats | undefined {
  try {
    return lstatSync(file, { throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}

function isOwn(folder: string): boolean {
  try {
    assertOwn(folder);
    return true;
  } catch {
    // It is not there yet, or others can write it.
    return false;
  }
}

/** Changes whenever a file is replaced or written to, and not when its use is noted, which keeps milliseconds only. */
function stampOf(stats: Stats | undefined): string {
  return stats === undefined ? 'none' : `${stats.ino} ${stats.size} ${stats.mtime.getTime()}`;
}

/** A use is noted as the time of the last access, so that the time of the last change stays. */
function usedAtOf({ atimeMs, mtimeMs }: Stats): number {
  return Math.max(atimeMs, mtimeMs);
}
