#!/usr/bin/env node
'use strict';

// The shim around the bundles, and the only place that ends the process. Compiling a bundle costs about as much as
// everything else at start-up, so V8's code for it is kept beside the user's other caches and checked by V8.

const events = require('node:events');
const fs = require('node:fs');
const path = require('node:path');
const vm = require('node:vm');

/** What help is wrapped to where no terminal says otherwise. */
const HELP_COLUMNS = 100;

const [, , only, more] = process.argv;
if ((only === '--version' || only === '-V') && more === undefined) {
  // Asked for by scripts at every step; it needs nothing of the bundle.
  sayOnly(`${require('../package.json').version}\n`);
}

if ((only === '--help' || only === '-h') && more === undefined && !(process.stdout.columns < HELP_COLUMNS)) {
  // Rendered by the build. A terminal too narrow for it gets its own from the bundle.
  const help = path.join(__dirname, '..', 'dist', 'help.txt');
  if (fs.existsSync(help)) {
    sayOnly(fs.readFileSync(help));
  }
}

// Global options may stand before it; one that has it for a value costs a short run some memory.
const isServer = process.argv.includes('serve', 2);

const bundle = path.join(__dirname, '..', 'dist', isServer ? 'serve.cjs' : 'mcpx.cjs');
if (!fs.existsSync(bundle)) {
  process.stderr.write('mcpx is not built: run `npm run build` in its folder.\n');
  process.exit(1);
}

// A reader that has seen enough (`| head -1`) is no failure: what is still written goes nowhere.
let readerIsGone = false;
let hasStreams = false;
/** Node makes its streams when they are named first, which takes 3 ms: a kept run goes without them. */
function openStreams() {
  if (hasStreams) return;
  hasStreams = true;
  process.stdout.on('error', (error) => {
    if (error.code === 'EPIPE') {
      readerIsGone = true;
      return;
    }
    cannotWrite(error);
  });
  process.stderr.on('error', () => undefined);
}

/** Prints a short text and ends, without waiting for a stream. */
function sayOnly(text) {
  try {
    fs.writeSync(1, text);
  } catch (error) {
    // A pipe that is full for now takes it all the same; a reader that has gone wants none of it.
    if (error.code === 'EAGAIN') process.stdout.write(text);
    else if (error.code !== 'EPIPE') cannotWrite(error);
  }
  process.exit(0);
}

function cannotWrite(error) {
  process.stderr.write(`mcpx cannot write its result: ${error.message}\n`);
  process.exit(1);
}

/** The folder to begin relative paths with; a shell may stand in one that is gone. */
function currentFolder() {
  try {
    return process.cwd();
  } catch (error) {
    process.stderr.write(
      `mcpx cannot run here: the current folder does not exist any more (${error.code})\n`,
    );
    return process.exit(2);
  }
}

/** Files, pipes and the null device are told apart from terminals without a stream. */
function isTerminal(descriptor) {
  try {
    const found = hasStreams ? undefined : fs.fstatSync(descriptor);
    if (found !== undefined && (!found.isCharacterDevice() || found.rdev === fs.statSync('/dev/null').rdev))
      return false;
  } catch {
    // Node's stream knows what to make of one that is closed.
  }
  openStreams();
  return (descriptor === 1 ? process.stdout : process.stderr).isTTY === true;
}

// A server logs each request, and a write to a pipe waits for the system: lines that come together go together.
let unwritten = '';
function flush() {
  const text = unwritten;
  unwritten = '';
  if (text !== '') process.stderr.write(text);
}
function writeSoon(text) {
  if (unwritten === '') setImmediate(flush);
  unwritten += text;
}
process.on('exit', flush);

let hangUps = 0;
let controller;
const argv = process.argv.slice(2);
const io = {
  env: process.env,
  cwd: currentFolder(),
  get stdoutIsTerminal() {
    return isTerminal(1);
  },
  get stderrIsTerminal() {
    return isTerminal(2);
  },
  get columns() {
    return io.stdoutIsTerminal ? process.stdout.columns : undefined;
  },
  get signal() {
    return controller.signal;
  },
  get readerIsGone() {
    return readerIsGone;
  },
  ownExecutable: { command: process.execPath, args: [__filename] },
  out(data) {
    openStreams();
    return new Promise((resolve) => {
      if (readerIsGone) resolve();
      else process.stdout.write(data, () => resolve());
    });
  },
  err(text) {
    openStreams();
    if (isServer) writeSoon(text);
    else process.stderr.write(text);
  },
  readInput: () => require('node:stream/consumers').text(process.stdin),
  onSignal: (signal, listener) => {
    hangUps += 1;
    process.on(signal, listener);
    return () => {
      hangUps -= 1;
      process.off(signal, listener);
    };
  },
};

/** Room for young objects of a server: with less, what a request needs until it is answered would pass for old. */
const YOUNG_BYTES = 8 * 1024 * 1024;
const TUNE_MS = 50;

// These ask the servers in any case.
const asksAnyway = argv.includes('--refresh') || argv.includes('--no-cache');
if (only === 'gather' && !asksAnyway) runKept();
else runWhole();

/** Writes what a file or a pipe takes at once; what it does not take goes through the stream, which waits or fails. */
function writeNow(data) {
  const bytes = Buffer.from(data);
  let written = 0;
  try {
    if (hasStreams) return io.out(data);
    while (written < bytes.length) written += fs.writeSync(1, bytes, written);
    return Promise.resolve();
  } catch {
    return io.out(bytes.subarray(written));
  }
}

/** A gather whose answers are all kept needs next to nothing of the program. */
function runKept() {
  const { load, keep } = compileCache(
    path.join(__dirname, '..', 'dist', 'kept.cjs'),
    `kept-${shapeOf(argv)}`,
  );
  load()
    .keptGather(argv, { __proto__: io, out: writeNow })
    .then((status) => {
      if (status === undefined) return runWhole();
      keep();
      process.exit(status);
    }, fail);
}

/** No command needs longer to stop in order. */
const LAST_RESORT_MS = 12_000;
/** Whoever waits for longer at a terminal is told that there is a shorter way. */
const STILL_STOPPING_MS = 500;

function runWhole() {
  openStreams();
  controller = new AbortController();
  events.setMaxListeners(0, controller.signal);
  const untune = isServer ? tuneForLongRun() : tuneForShortRun();
  const { load, keep } = compileCache(bundle, shapeOf(argv));
  const exports_ = load();

  /** Ends at once on the second signal; the first one lets the command stop in order. */
  const stop = (status) => {
    if (controller.signal.aborted) process.exit(status);
    controller.abort(exports_.stopped(status));
    setTimeout(() => process.exit(status), LAST_RESORT_MS).unref();
    setTimeout(() => {
      if (io.stderrIsTerminal) io.err('waiting for what still runs to end; Ctrl-C again ends it at once\n');
    }, STILL_STOPPING_MS).unref();
  };
  process.on('SIGINT', () => stop(130));
  process.on('SIGTERM', () => stop(143));
  // A terminal that goes away stops a command like Ctrl-C; one that has asked for the signal reads its files again.
  process.on('SIGHUP', () => {
    if (hangUps === 0) stop(129);
  });

  exports_.main(argv, io).then((status) => {
    // A run that failed has not come to all that the next one needs.
    if (status === 0) {
      untune();
      keep();
    }
    process.exit(status);
  }, fail);
}

/**
 * A command that ends soon: room for young objects that does not grow saves 5 to 10 MB, and on Node 22 and later the
 * middle compiler takes more time and memory than it gives back before the end.
 *
 * Where a flag differs V8 refuses the code that Node brings for its own modules, which costs 5 % of a start. Node 20
 * has memory to spare, so there the flag waits until the start is over.
 *
 * @returns puts the flags back: code is kept for a start that has none set
 */
function tuneForShortRun() {
  const set = (flag) => require('node:v8').setFlagsFromString(flag);
  if (Number.parseInt(process.versions.node, 10) >= 22) {
    set('--semi-space-growth-factor=1');
    set('--no-maglev');
    return () => undefined;
  }
  const later = setImmediate(() => set('--semi-space-growth-factor=1'));
  return () => {
    clearImmediate(later);
    set('--semi-space-growth-factor=2');
  };
}

/**
 * A server under load lives on 20 MB and would let 100 MB of garbage lie beside them, for V8 counts on memory that it is
 * alone with. Less of it costs some processor time, and half of the memory is free.
 *
 * @returns puts the flags back, as above
 */
function tuneForLongRun() {
  const v8 = require('node:v8');
  const isYoung = ({ space_name: name }) => name === 'new_space';
  let growth;
  const tune = () => {
    // V8 gives the room back while nothing happens; where it could not make any again, the next load would be slow.
    const isSmall = v8.getHeapSpaceStatistics().find(isYoung).space_size < YOUNG_BYTES;
    const next = isSmall ? 2 : 1;
    if (growth === undefined) v8.setFlagsFromString('--heap-growing-percent=50');
    if (next !== growth) v8.setFlagsFromString(`--semi-space-growth-factor=${next}`);
    growth = next;
  };
  const tuning = setInterval(tune, TUNE_MS);
  tuning.unref();
  return () => {
    clearInterval(tuning);
    v8.setFlagsFromString('--semi-space-growth-factor=2');
    v8.setFlagsFromString('--heap-growing-percent=0');
  };
}

function fail(error) {
  process.stderr.write(`mcpx met a bug of its own; please report it with these lines:\n${error.stack}\n`);
  process.exit(1);
}

/** Runs a bundle from V8's kept code where there is some for just this bundle and this Node. */
function compileCache(bundle, shape) {
  // The build makes it ASCII: nothing to decode.
  const source = fs.readFileSync(bundle, 'latin1');
  const file = cacheFile(source, shape);
  const script = new vm.Script(source, { filename: bundle, cachedData: readKept(file) });
  return {
    load() {
      const module_ = { exports: {} };
      // From here the bundle finds the same packages as from its own folder.
      script.runInThisContext()(module_.exports, require, module_, bundle, path.dirname(bundle));
      return module_.exports;
    },
    /** Keeps the code of what has run by now, for the next start; a cache that cannot be written costs nothing else. */
    keep() {
      if (file === undefined || script.cachedDataRejected === false) return;
      const unfinished = `${file}.${process.pid}`;
      try {
        makeFolder(path.dirname(file));
        if (!isOwn(path.dirname(file))) return;
        try {
          fs.writeFileSync(unfinished, script.createCachedData(), { mode: 0o600 });
          fs.renameSync(unfinished, file);
        } catch (error) {
          fs.rmSync(unfinished, { force: true });
          throw error;
        }
        removeOld(path.dirname(file));
      } catch {
        // A read-only home or a full disk: the next start compiles again.
      }
    },
  };
}

function readKept(file) {
  try {
    if (file !== undefined && isOwn(path.dirname(file)) && isOwn(file)) return fs.readFileSync(file);
  } catch {
    // The first run, or somebody emptied the cache.
  }
  return undefined;
}

/** As in `src/core/make-folder.ts`. */
function makeFolder(folder) {
  if (fs.existsSync(folder)) return;
  makeFolder(path.dirname(folder));
  try {
    fs.mkdirSync(folder, 0o700);
  } catch (error) {
    if (error.code !== 'EEXIST') throw error;
  }
}

/** Kept code is run as it is: only that counts which nobody else can have written. */
function isOwn(file) {
  const found = fs.lstatSync(file);
  if (process.getuid === undefined) return true;
  const isPlain = found.isFile() || found.isDirectory();
  return isPlain && found.uid === process.getuid() && (found.mode & 0o022) === 0;
}

/** Of a megabyte each; who uses more ways to call mcpx than this compiles some of them again. */
const MOST_KEPT = 32;

/** Code of versions that nobody has started for a month, and of more command lines than are worth their space. */
function removeOld(folder) {
  const tooOld = Date.now() - 30 * 24 * 3600 * 1000;
  const files = fs.readdirSync(folder).map((name) => {
    const file = path.join(folder, name);
    return { file, writtenAt: fs.statSync(file).mtimeMs };
  });
  files.sort((a, b) => b.writtenAt - a.writtenAt);
  for (const [index, { file, writtenAt }] of files.entries()) {
    if (index >= MOST_KEPT || writtenAt < tooOld) fs.unlinkSync(file);
  }
}

/** V8 compares only the length of the source, so the build's own hash of it goes into the name. */
function cacheFile(source, shape) {
  const hash = /^\/\* mcpx ([0-9a-f]{16}) \*\//.exec(source.slice(0, 40))?.[1];
  const { HOME, XDG_CACHE_HOME: named = '' } = process.env;
  // A relative one does not count (XDG specification).
  const home = path.isAbsolute(named) ? named : HOME && path.join(HOME, '.cache');
  if (hash === undefined || !home || process.env.MCPX_COMPILE_CACHE === 'off') return undefined;
  return path.join(home, 'mcpx', 'code', `${hash}-${process.version}-${process.arch}-${shape}`);
}

/**
 * Each command with its flags keeps the code that it needs itself: reading that of all would cost the small ones more
 * than it saves, and `gather --help` knows nothing of what a gather runs.
 */
function shapeOf([command = '', ...words]) {
  const flags = words.flatMap((word) => /^--?[a-z-]+/.exec(word)?.[0] ?? []);
  return [/^[a-z-]{1,20}$/.exec(command)?.[0] ?? 'none', ...flags].join('').slice(0, 80);
}
