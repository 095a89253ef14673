import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { defineConfig, type Options } from 'tsup';

const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };

/** They carry WebAssembly and data files that must stay where npm put them. */
const EXTERNAL = ['@electric-sql/pglite', 'libpg-query'];

const common: Options = {
  outDir: 'dist',
  target: 'node20',
  platform: 'node',
  external: EXTERNAL,
  // One file each: everything else is bundled, so that a start reads and compiles as little as possible.
  noExternal: [/^(?!@electric-sql\/pglite|libpg-query|node:)/],
  splitting: false,
  dts: false,
  sourcemap: false,
  define: { MCPX_VERSION: JSON.stringify(version) },
};

export default defineConfig([
  {
    ...common,
    entry: { mcpx: 'src/main.ts' },
    // CommonJS, because an ES import of node:http loads the built-in fetch as well on Node 24 (45 ms).
    format: 'cjs',
    minifySyntax: true,
    minifyWhitespace: true,
    define: { ...common.define, 'import.meta.url': 'importMetaUrl' },
    banner: { js: "const importMetaUrl = require('node:url').pathToFileURL(__filename).href;" },
    outExtension: () => ({ js: '.cjs' }),
    // The shim names its compiled code by this hash.
    onSuccess: async () => {
      const code = readFileSync('dist/mcpx.cjs', 'utf8');
      const hash = createHash('sha256').update(code).digest('hex').slice(0, 16);
      writeFileSync('dist/mcpx.cjs', `/* mcpx ${hash} */${code}`);
    },
  },
  { ...common, entry: { index: 'src/index.ts' }, format: 'esm', banner: { js: ESM_REQUIRE() } },
  { ...common, entry: { 'database-worker': 'src/servers/database/worker.ts' }, format: 'esm' },
]);

/** CommonJS packages in an ES bundle still call require() for Node's own modules. */
function ESM_REQUIRE(): string {
  return "import { createRequire as createRequireOfMcpx } from 'node:module'; const require = createRequireOfMcpx(import.meta.url);";
}
