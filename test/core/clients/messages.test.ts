import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseMessages } from '../../../src/core/clients/messages.js';

const answer = (text: string) => `{"jsonrpc":"2.0","id":1,"result":{"a":${text}}}`;
const nested = (levels: number) => '['.repeat(levels) + ']'.repeat(levels);

describe('what a server sends', () => {
  it('may begin with a byte order mark', () => {
    expect(parseMessages(`\ufeff${answer('1')}`)).toEqual([{ jsonrpc: '2.0', id: 1, result: { a: 1 } }]);
    expect(() => parseMessages(`\ufeff\ufeff${answer('1')}`)).toThrow('not JSON');
  });

  it('is refused where it nests too deeply to be walked through', () => {
    const refused = expect.objectContaining({ code: 'UPS206' }) as Error;
    for (const levels of [255, 10_000, 100_000]) {
      expect(() => parseMessages(answer(nested(levels)))).toThrow(refused);
      expect(() => parseMessages(answer(`["\\"","${'x'.repeat(600)}\\\\",${nested(levels)}]`))).toThrow(
        refused,
      );
    }
  });

  it('is taken as it is up to there, whatever its texts are', () => {
    expect(parseMessages(answer(nested(254)))).toHaveLength(1);
    const side = `[${'[],'.repeat(1000)}[]]`;
    expect(parseMessages(answer(side))).toHaveLength(1);
    const texts = fc.array(fc.stringMatching(/^[[{"\\x]{0,400}$/), { minLength: 3, maxLength: 5 });
    fc.assert(
      fc.property(texts, (value) => {
        expect(parseMessages(answer(JSON.stringify(value)))).toMatchObject([{ result: { a: value } }]);
      }),
    );
  });
});
