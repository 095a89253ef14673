import type { ValidatedFile } from '../config/validate.js';
import type { Inspection } from './inspection.js';

/** A checked file and what its servers turned out to be. */
export interface ConnectedFile extends ValidatedFile {
  readonly inspection?: Inspection;
  /** A configuration whose errors keep it from being connected. */
  readonly skipped?: true;
}
