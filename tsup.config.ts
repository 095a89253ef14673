import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { defineConfig, type Options } from 'tsup';
import { writeShopSnapshot } from './src/servers/database/sample/shop.js';

const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };

/** They carry WebAssembly and data files that must stay where npm put them. */
const EXTERNAL = ['@electric-sql/pglite', 'libpg-query'];

const common: Options = {
  outDir: 'dist',
  target: 'node20',
  platform: 'node',
  removeNodeProtocol: false,
  external: EXTERNAL,
  // One file each: everything else is bundled, so that a start reads and compiles as little as possible.
  noExternal: [/^(?!@electric-sql\/pglite|libpg-query|node:)/],
  splitting: false,
  dts: false,
  sourcemap: false,
  define: { MCPX_VERSION: JSON.stringify(version) },
};

/** The licences of the packages that the bundle carries ask to come along with it. */
function writeLicenses(metafile: string): void {
  const { inputs } = JSON.parse(readFileSync(metafile, 'utf8')) as { inputs: Record<string, unknown> };
  const packages = new Set(
    Object.keys(inputs).flatMap((input) => /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(input)?.[1] ?? []),
  );
  const texts = [...packages].sort().map((folder) => {
    const { name, version, license } = JSON.parse(readFileSync(`${folder}/package.json`, 'utf8')) as Record<
      string,
      string
    >;
    const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
    const text =
      file === undefined ? `Licence: ${license}` : readFileSync(`${folder}/${file}`, 'utf8').trim();
    return `${name} ${version}\n\n${text}\n`;
  });
  writeFileSync('dist/LICENSES.txt', texts.join(`\n${'-'.repeat(72)}\n\n`));
  rmSync(metafile);
}

/**
 * Zod brings its messages in fifty languages along; ours are our own, so English is enough. Removing this costs
 * 0.4 MB of bundle and nothing else.
 */
const englishOnly: NonNullable<Options['esbuildPlugins']>[number] = {
  name: 'english-only',
  setup(build) {
    build.onLoad({ filter: /zod[\\/]v4[\\/]locales[\\/]index\.[cm]?js$/ }, () => ({
      contents: "export { default as en } from './en.js';",
      loader: 'js',
    }));
  },
};

/**
 * The SDK's client sets up a JSON Schema validator for results of tools, 0.3 MB of code that every start would load.
 * Ours calls tools without it (`src/core/clients/lean-client.ts`).
 */
const noToolValidator: NonNullable<Options['esbuildPlugins']>[number] = {
  name: 'no-tool-validator',
  setup(build) {
    build.onLoad({ filter: /modelcontextprotocol[\\/]client[\\/]dist[\\/]shimsNode\.[cm]js$/ }, () => ({
      contents: 'export const CORS_IS_POSSIBLE = false; export class DefaultJsonSchemaValidator {}',
      loader: 'js',
    }));
  },
};

/**
 * The SDK's client can log in by OAuth, and prepares for that at every start: schemas of its messages, WebCrypto for its
 * challenges, 6 ms. mcpx sends the headers of its configuration and nothing else.
 */
const noOAuth: NonNullable<Options['esbuildPlugins']>[number] = {
  name: 'no-oauth',
  setup(build) {
    build.onLoad({ filter: /modelcontextprotocol[\\/]core[\\/]dist[\\/]auth-[^\\/]+\.mjs$/ }, ({ path }) => {
      const names =
        /export \{([^}]*)\}/.exec(readFileSync(path, 'utf8'))?.[1]?.match(/\w+(?=\s*(?:,|$))/g) ?? [];
      if (names.length === 0) throw new Error('the OAuth schemas of the SDK are not where they were');
      return {
        contents: `const unused = undefined; export { ${names.map((name) => `unused as ${name}`).join(', ')} };`,
      };
    });
    build.onLoad({ filter: /pkce-challenge[\\/]dist[\\/]index\.node\.[cm]?js$/ }, () => ({
      contents: "export default () => Promise.reject(new Error('mcpx does not log in by OAuth'));",
    }));
  },
};

/**
 * The schemas of all messages of the protocol, of which a start needs five and would build 169 (4 ms). Each is made when
 * something is first asked of it; the ones it consists of it holds itself, so that checking costs what it did.
 */
const lazySchemas: NonNullable<Options['esbuildPlugins']>[number] = {
  name: 'lazy-schemas',
  setup(build) {
    build.onLoad(
      { filter: /modelcontextprotocol[\\/]core[\\/]dist[\\/]schemas-[^\\/]+\.mjs$/ },
      ({ path }) => {
        const text = readFileSync(path, 'utf8');
        const declaration = /^const (\w+Schema) = ([^]*?);\n(?=[^\t}\])])/gm;
        const names = [...text.matchAll(declaration)].map(([, name]) => name);
        if (names.length < 100) throw new Error('the schemas of the SDK are not where they were');
        const name = new RegExp(`\\b(?:${names.join('|')})\\b`, 'g');
        const lazy = text.replace(
          declaration,
          (_, declared: string, made: string) =>
            `const ${declared} = /* @__PURE__ */ lazily(() => ${made.replace(name, (used) => `made(${used})`)});\n`,
        );
        return { contents: `${LAZILY}${lazy}`, loader: 'js' };
      },
    );
    // Of these it would build some at once, for the forms of servers: only their keys are wanted, and only with a form.
    build.onLoad(
      { filter: /modelcontextprotocol[\\/](?:client|server)[\\/]dist[\\/]src-[^\\/]+\.mjs$/ },
      ({ path }) => {
        const text = readFileSync(path, 'utf8');
        const names = ['ROOT_KEYS', 'PROPERTY_KEYS_BY_TYPE', 'SUPPORTED_STRING_FORMATS'];
        const lazy = names.reduce((rest, name) => {
          const [declaration, value] = new RegExp(`^const ${name} = ([^]*?);\\n`, 'm').exec(rest) ?? [];
          if (declaration === undefined) throw new Error(`the SDK has no ${name} where it was`);
          const used = rest.replace(declaration, '').replaceAll(name, `${name}()`);
          return `${used}\nlet of${name}; function ${name}() { return (of${name} ??= ${value}); }\n`;
        }, text);
        return { contents: lazy, loader: 'js' };
      },
    );
  },
};

const LAZILY = `
const MADE = Symbol();
const made = (schema) => schema[MADE];
const makeOnce = (lazy) => (lazy.schema ??= lazy.make());
const traps = {
  get: (lazy, key) => (key === MADE ? makeOnce(lazy) : makeOnce(lazy)[key]),
  has: (lazy, key) => key in makeOnce(lazy),
  getPrototypeOf: (lazy) => Object.getPrototypeOf(makeOnce(lazy)),
};
const lazily = (make) => new Proxy({ make }, traps);
`;

/** Commander can run a subcommand as a program of its own; ours are functions, and loading what spawns costs 3 ms. */
const commanderNeverSpawns: NonNullable<Options['esbuildPlugins']>[number] = {
  name: 'commander-never-spawns',
  setup(build) {
    build.onResolve({ filter: /^node:child_process$/ }, ({ importer }) =>
      /[\\/]commander[\\/]/.test(importer) ? { path: 'nothing', namespace: 'empty' } : undefined,
    );
    build.onLoad({ filter: /.*/, namespace: 'empty' }, () => ({
      contents: 'module.exports = {};',
      loader: 'js',
    }));
  },
};

/**
 * The width of a text is asked for several times a cell, and answered by two long regular expressions; for ASCII it is
 * the length. For its own log, which nobody reads, the table library shortens a cell at each of its lines. And what kind
 * of terminal there is, which chalk finds out at once and for that loads Node's streams (3 ms), we tell it ourselves.
 * Lines and heads have no colours that it would take the library's own package for.
 */
const leanTables: NonNullable<Options['esbuildPlugins']>[number] = {
  name: 'lean-tables',
  setup(build) {
    const replaceIn = (filter: RegExp, from: string, to: string) =>
      build.onLoad({ filter }, ({ path }) => {
        const text = readFileSync(path, 'utf8');
        if (!text.includes(from)) throw new Error(`${path} is not what it was`);
        return { contents: text.replace(from, to), loader: 'js' };
      });
    const width = 'const stringWidth = string => {';
    replaceIn(
      /[\\/]string-width[\\/]index\.js$/,
      width,
      `${width} if (typeof string === 'string' && /^[ -~]*$/.test(string)) return string.length;`,
    );
    const shortened = 'utils.truncate(this.content, 10, this.truncate)';
    replaceIn(/[\\/]cli-table3[\\/]src[\\/]cell\.js$/, shortened, "''");
    build.onLoad({ filter: /[\\/]@colors[\\/]colors[\\/]safe\.js$/ }, () => ({
      contents: 'module.exports = {};',
    }));
    build.onLoad({ filter: /[\\/]chalk[\\/]source[\\/]vendor[\\/]supports-color[\\/]index\.js$/ }, () => ({
      contents: 'export default { stdout: false, stderr: false };',
      loader: 'js',
    }));
  },
};

/**
 * A text without colours takes nothing of the library of colours, and a table of ASCII nothing of that of tables: each is
 * loaded when it is first asked for something, which an `import` cannot say.
 */
const lazyTables: NonNullable<Options['esbuildPlugins']>[number] = {
  name: 'lazy-tables',
  setup(build) {
    const bodies: Record<string, string> = {
      chalk: "export function Chalk(options) { return new (require('chalk').Chalk)(options); }",
      'cli-table3': "export default function Table(options) { return new (require('cli-table3'))(options); }",
    };
    build.onResolve({ filter: /^(?:chalk|cli-table3)$/ }, ({ path, importer }) =>
      /[\\/]src[\\/]render[\\/]/.test(importer) ? { path, namespace: 'lazy-tables' } : undefined,
    );
    build.onLoad({ filter: /.*/, namespace: 'lazy-tables' }, ({ path }) => ({
      contents: bodies[path] ?? '',
      resolveDir: process.cwd(),
      loader: 'js',
    }));
  },
};

/**
 * OpenTelemetry is as large as the rest and mostly unused, so it is a bundle of its own. The path fits both that of
 * the shim in `bin/`, which runs the program's bundle, and that of the library.
 */
const telemetryApart: NonNullable<Options['esbuildPlugins']>[number] = {
  name: 'telemetry-apart',
  setup(build) {
    build.onResolve({ filter: /[\\/]open-telemetry\.js$/ }, ({ importer }) =>
      /[\\/]telemetry[\\/]start\.ts$/.test(importer)
        ? { path: '../dist/telemetry.cjs', external: true }
        : undefined,
    );
  },
};

/** The servers that mcpx itself runs are a third of the program, and no other command needs them. */
const servesNothing: NonNullable<Options['esbuildPlugins']>[number] = {
  name: 'serves-nothing',
  setup(build) {
    build.onResolve({ filter: /.*/ }, ({ importer, kind }) =>
      kind === 'dynamic-import' && /[\\/]commands[\\/]serve(?:-database)?\.ts$/.test(importer)
        ? { path: 'left-out', namespace: 'serves-nothing' }
        : undefined,
    );
    build.onLoad({ filter: /.*/, namespace: 'serves-nothing' }, () => ({
      contents: "throw new Error('this part of mcpx is in another bundle')",
      loader: 'js',
    }));
  },
};

/**
 * A bundle's clock for durations: the one of `performance.now()`. To name the global loads ten modules of Node (1 ms of
 * each start), and even packages that never use it do.
 */
const CLOCK = 'const performance={now(){const t=process.hrtime();return t[0]*1e3+t[1]/1e6}};';

/**
 * The shim runs a bundle as a function of what Node gives to a CommonJS module, and names the code that V8 makes of it by
 * this hash.
 */
function asFunction(file: string): void {
  const code = readFileSync(file, 'utf8');
  const uses = new Set(code.match(/(?<=\bperformance\.)\w+/g));
  uses.delete('now');
  if (uses.size > 0) throw new Error(`${file} wants performance.${[...uses].join(', ')}`);
  // Asked for by few commands.
  const meta = "const importMeta={get url(){return require('node:url').pathToFileURL(__filename).href}};";
  const body = `(function (exports, require, module, __filename, __dirname) {${meta}${CLOCK}${code}\n})`;
  const hash = createHash('sha256').update(body).digest('hex').slice(0, 16);
  writeFileSync(file, `/* mcpx ${hash} */${body}`);
}

/** A kept run prints tables and JSON; whoever wants YAML gets it from the whole program, with a parser it needs anyway. */
const keptWithoutYaml: NonNullable<Options['esbuildPlugins']>[number] = {
  name: 'kept-without-yaml',
  setup(build) {
    build.onResolve({ filter: /^yaml$/ }, () => ({ path: 'yaml', external: true }));
  },
};

/** What the shim runs. */
const program: Options = {
  ...common,
  // CommonJS, because an ES import of node:http loads the built-in fetch as well on Node 24 (45 ms).
  format: 'cjs',
  define: { ...common.define, 'import.meta.url': 'importMeta.url' },
  esbuildOptions(options) {
    // ASCII alone is read as it is, without decoding, and takes one byte a character in memory.
    options.charset = 'ascii';
    options.minify = true;
    options.legalComments = 'none';
    // A script that V8 runs from kept code cannot import(); lazy bodies stay lazy as requires.
    options.supported = { 'dynamic-import': false };
  },
  outExtension: () => ({ js: '.cjs' }),
};

const PROGRAM_PLUGINS = [
  leanTables,
  lazyTables,
  englishOnly,
  noToolValidator,
  noOAuth,
  lazySchemas,
  commanderNeverSpawns,
  telemetryApart,
];

export default defineConfig([
  {
    ...program,
    entry: { serve: 'src/main.ts', telemetry: 'src/core/telemetry/open-telemetry.ts' },
    metafile: true,
    esbuildPlugins: PROGRAM_PLUGINS,
    onSuccess: async () => {
      asFunction('dist/serve.cjs');
      writeLicenses('dist/metafile-cjs.json');
    },
  },
  {
    ...program,
    entry: { mcpx: 'src/main.ts' },
    esbuildPlugins: [...PROGRAM_PLUGINS, servesNothing],
    onSuccess: async () => {
      asFunction('dist/mcpx.cjs');
      // The shim prints it without loading anything; `mcpx help` makes the same text afresh.
      writeFileSync('dist/help.txt', execFileSync(process.execPath, ['bin/mcpx.js', 'help'], { env: {} }));
    },
  },
  {
    ...program,
    entry: { kept: 'src/kept.ts' },
    esbuildPlugins: [leanTables, lazyTables, keptWithoutYaml],
    onSuccess: async () => asFunction('dist/kept.cjs'),
  },
  {
    ...common,
    entry: { index: 'src/index.ts' },
    format: 'esm',
    esbuildPlugins: [englishOnly, noToolValidator, noOAuth, lazySchemas, telemetryApart],
    // CommonJS packages in an ES bundle still call require() for Node's own modules.
    banner: {
      js: "import { createRequire as createRequireOfMcpx } from 'node:module'; const require = createRequireOfMcpx(import.meta.url);",
    },
  },
  {
    ...common,
    entry: {
      'database-worker': 'src/servers/database/worker.ts',
      'policy-worker': 'src/servers/database/policy-worker.ts',
    },
    format: 'esm',
    // Creating the sample shop takes seconds, so it is shipped ready-made.
    onSuccess: () => writeShopSnapshot('dist/sample-shop.tar.gz', 'resources/product_metadata.json'),
  },
]);
