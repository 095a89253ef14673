import type { Path } from './yaml-document.js';

/** The value at a path of plain data; `undefined` where a step is missing. The prototype's own keys are none. */
export function getIn(value: unknown, path: Path): unknown {
  return path.reduce<unknown>(
    (node, step) =>
      typeof node === 'object' && node !== null && Object.hasOwn(node, step)
        ? (node as Record<PropertyKey, unknown>)[step]
        : undefined,
    value,
  );
}
