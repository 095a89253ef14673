import { describe, expect } from 'vitest';
import { verifies } from '../../verifies.js';
import { metadataJsonSchema } from '../../../src/servers/metadata/schema.js';

describe('resources/product_metadata_schema.json', () => {
  // After a change of the schema, `npx vitest run test/servers/metadata -u` writes it anew.
  verifies('meta:schema', 'is what the schema generates', async () => {
    await expect(metadataJsonSchema()).toMatchFileSnapshot('../../../resources/product_metadata_schema.json');
  });
});
