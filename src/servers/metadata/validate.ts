import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import { decodeText, readConfigBytes } from '../../core/config/load.js';
import { hasByteOrderMark, unreadable, type ValidatedFile } from '../../core/config/validate.js';
import { checkMetadata } from './load.js';

/** A catalogue of a hundred thousand products is smaller than this. */
const LIMIT = { bytes: 64 * 1024 * 1024, text: 'product metadata can be (64 MiB)' };

/** Reads and checks a product-metadata file; one that cannot be read is a problem like any other. */
export async function validateMetadataFile(file: string, cwd: string): Promise<ValidatedFile> {
  try {
    const bytes = await readConfigBytes(file, cwd, LIMIT);
    const text = decodeText(file, bytes);
    const modified = statSync(resolve(cwd, file)).mtime.toISOString();
    const { problems } = checkMetadata(file, text, modified);
    return { file, text, shown: text, hasByteOrderMark: hasByteOrderMark(bytes), problems };
  } catch (error) {
    return unreadable(file, error);
  }
}
