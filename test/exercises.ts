import { test } from 'vitest';
import type { SettingPath } from './settings.js';

/**
 * A test that flips a setting of the configuration file and sees that mcpx behaves otherwise.
 *
 * The path stands literally in the call, where `settings.test.ts` finds it.
 */
export function exercises(path: SettingPath, title: string, body: () => Promise<void>): void {
  test(`${path}: ${title}`, body);
}
