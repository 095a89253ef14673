import { test } from 'vitest';
import type { RequirementId } from './requirements.js';

/**
 * A test that proves a promise of `requirements.ts`: it fails when the promise is broken.
 *
 * The id stands literally in the call, where `requirements.test.ts` finds it.
 */
export function verifies(
  id: RequirementId,
  title: string,
  body: () => Promise<void> | void,
  timeoutMs?: number,
): void {
  test(`${title} [${id}]`, body, timeoutMs);
}
