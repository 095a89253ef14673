import { decodeText, readConfigBytes } from '../../core/config/load.js';
import {
  hasByteOrderMark,
  unreadable,
  withInvisible,
  type ValidatedFile,
} from '../../core/config/validate.js';
import { checkMetadata } from './load.js';

/** A catalogue of a hundred thousand products is smaller than this. */
const LIMIT = { bytes: 64 * 1024 * 1024, text: 'product metadata can be (64 MiB)' };
/** When the file was written, which only those ask for who serve it. */
const NEVER = new Date(0).toISOString();

/** Reads and checks a product-metadata file; one that cannot be read is a problem like any other. */
export async function validateMetadataFile(file: string, cwd: string): Promise<ValidatedFile> {
  try {
    return validateMetadataBytes(file, await readConfigBytes(file, cwd, LIMIT));
  } catch (error) {
    return unreadable(file, error);
  }
}

/** As `validateMetadataFile`, of what stands in the file. */
export function validateMetadataBytes(file: string, bytes: Buffer): ValidatedFile {
  try {
    return validateMetadataText(file, decodeText(file, bytes), hasByteOrderMark(bytes));
  } catch (error) {
    return unreadable(file, error);
  }
}

/** Checks the text of a product-metadata file. */
export function validateMetadataText(file: string, text: string, withByteOrderMark: boolean): ValidatedFile {
  const strict = checkMetadata(file, text, NEVER);
  const { problems } = withInvisible(file, text, withByteOrderMark, strict, (readable) =>
    readable === text ? strict : checkMetadata(file, readable, NEVER),
  );
  return { file, text, shown: text, hasByteOrderMark: withByteOrderMark, problems };
}
