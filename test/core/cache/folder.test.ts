import { expect, it } from 'vitest';
import { cacheFolder } from '../../../src/core/cache/folder.js';

it.each([
  ['below XDG_CACHE_HOME', { XDG_CACHE_HOME: '/cache', HOME: '/home/me' }, '/cache/mcpx/resources'],
  ['else below the home', { HOME: '/home/me' }, '/home/me/.cache/mcpx/resources'],
  [
    'also for a relative one',
    { XDG_CACHE_HOME: 'cache', HOME: '/home/me' },
    '/home/me/.cache/mcpx/resources',
  ],
  ['nowhere without either', { HOME: '' }, undefined],
])('answers are kept %s', (_title, env, folder) => {
  expect(cacheFolder(env)).toBe(folder);
});
