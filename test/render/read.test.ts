import { expect, it } from 'vitest';
import { resourceContents } from '../../src/render/read.js';

it('JSON stays the same data and holds nothing that drives a terminal', () => {
  const data = { a: '\u009b31m red \u202e txt', 'b\u0085': ['\u2028'] };
  const [text] = resourceContents([{ kind: 'json', uri: 'x://y', data }], true);
  // eslint-disable-next-line no-control-regex -- control characters are what must not be there
  expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028\u202e]/);
  expect(JSON.parse(String(text))).toEqual(data);
});

it('the MIME type of binary contents holds nothing that drives a terminal', () => {
  const blob = {
    kind: 'blob',
    uri: 'x://y',
    blob: 'AA==',
    mimeType: 'image/\u001b[2J\u009b31mpng\n',
  } as const;
  expect(resourceContents([blob], true)).toEqual([
    '(1 bytes of image/png ; redirect to a file to keep them)\n',
  ]);
});
