import type { Path } from '../config/yaml-document.js';
import type { Problem } from '../config/problem.js';

/** Something that the servers and their configuration do not agree on, not yet at its place in the file. */
export type Finding = Pick<Problem, 'severity' | 'code' | 'message' | 'hint'> & {
  readonly path: Path;
  /** The key of the path is the place, not its value. */
  readonly atKey?: boolean;
};
