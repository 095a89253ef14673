import { describe, expect, it } from 'vitest';
import { fold, foldings, foldWords } from '../../../src/core/resolve/fold.js';

describe('fold', () => {
  it.each([
    ['Magic Wand Pro', 'magic_wand-PRO'],
    ['Café Noir', 'cafe noir'],
    ['Cafe\u0301 Noir', 'Café Noir'],
    ['Straße 5', 'STRASSE 5'],
    ['Łódź Øl Đak', 'lodz ol dak'],
    ['Ægir Œuvre', 'aegir oeuvre'],
    ['D&D Dice', 'd and d dice'],
    ['Board 2×4', 'board 2 x 4'],
    ['500ml', '500 ML'],
    ['1,500 g', '1500 g'],
    ['0,5 l', '.5 L'],
    ["Men's Boots", 'mens boots'],
    ['Ｆｕｌｌ　Ｗｉｄｔｈ', 'full width'],
    ['Soft\u00adHyphen', 'SoftHyphen'],
    ['\u202eMagic\u202c', 'magic'],
    ['Brand™ One®', 'brand one'],
    ['ΟΔΟΣ', 'οδός'],
    ['Ёлка', 'елка'],
    ['آب', 'اب'],
    ['مــاء', 'ماء'],
    ['٣٫ قطع'.replace('٫', ''), '3 قطع'],
    ['No. 10', 'no 10'],
    ['İstanbul Isı', 'istanbul ISI'],
  ])('takes %j and %j for one name', (one, other) => {
    expect(fold(one)).toBe(fold(other));
  });

  it.each([
    ['C', 'C++'],
    ['C', 'C#'],
    ['C+', 'C++'],
    ['Galaxy S23', 'Galaxy S23+'],
    ['Kettle 1.7 L', 'Kettle 17 L'],
    ['1 2', '12'],
    ['1/2 inch', '1.2 inch'],
    ['Gift Card $50', 'Gift Card €50'],
    ['Lens -2.5', 'Lens +2.5'],
    ['か', 'が'],
    ['का', 'की'],
    ['500 ml', '0.5 l'],
    ['!!!', '???'],
    ['🎲', '🎯'],
    ['Mark II', 'Mark 2'],
  ])('keeps %j and %j apart', (one, other) => {
    expect(fold(one)).not.toBe(fold(other));
  });

  it('folds only blank texts to nothing', () => {
    expect(['', ' ', '\t\n'].map(fold)).toEqual(['', '', '']);
    expect(fold('—')).not.toBe('');
    expect(fold('\ud800')).not.toBe('');
  });

  it('separates numbers from letters', () => {
    expect(foldWords('Router AX3000 v2.1')).toEqual(['router', 'ax', '3000', 'v', '2.1']);
  });

  it('knows both ways to write an umlaut without one', () => {
    expect(foldings('Grüner Tee')).toEqual([
      ['gruner', 'tee'],
      ['gruener', 'tee'],
    ]);
    expect(foldings('Smørrebrød')).toEqual([['smorrebrod'], ['smoerrebroed']]);
  });

  it('folds a long text in time linear to its length', () => {
    const startedAtMs = performance.now();
    for (const unit of ['a', '1,', '.1', "a'", '+', '-1 ', 'é', '\ud800', '😀', '1,111'])
      fold(unit.repeat(100_000));
    expect(performance.now() - startedAtMs).toBeLessThan(3000);
  });
});
