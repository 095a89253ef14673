import { defineConfig } from 'vitest/config';

/** The official conformance suite: `npm run conformance`. */
export default defineConfig({
  test: {
    root: '.',
    include: ['test/conformance/*.suite.ts'],
    globalSetup: ['test/fixtures/global-setup.ts'],
    // A hook installs the suite, or runs all of its scenarios once.
    hookTimeout: 300_000,
    reporters: ['default'],
  },
});
