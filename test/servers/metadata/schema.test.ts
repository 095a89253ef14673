import { describe, expect, it } from 'vitest';
import { metadataJsonSchema } from '../../../src/servers/metadata/schema.js';

describe('resources/product_metadata_schema.json', () => {
  // After a change of the schema, `npx vitest run test/servers/metadata -u` writes it anew.
  it('is what the schema generates', async () => {
    await expect(metadataJsonSchema()).toMatchFileSnapshot('../../../resources/product_metadata_schema.json');
  });
});
