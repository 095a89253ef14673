import { describe, expect, it } from 'vitest';
import { judge, shortcomingsOf, type Check, type LegResult } from './verdict.js';

const check = (id: string, status: Check['status'] = 'SUCCESS', name = id): Check => ({ id, name, status });
const leg = (checks: readonly Check[], isFinished = true): LegResult =>
  new Map([['scenario', { checks, isFinished }]]);
const NONE: LegResult = new Map();

describe('a scenario is passed', () => {
  it('where every check is that the plain SDK passes', () => {
    const both = leg([check('a'), check('b', 'INFO')]);
    expect(shortcomingsOf('scenario', { ours: both, plain: both })).toEqual([]);
  });

  it('also with a warning, or a check left out, that the plain SDK has too', () => {
    const both = leg([check('a'), check('b', 'WARNING'), check('c', 'SKIPPED')]);
    expect(shortcomingsOf('scenario', { ours: both, plain: both })).toEqual([]);
  });
});

describe('a scenario is not passed', () => {
  const plain = leg([check('a'), check('b')]);

  it('that did not run', () => {
    expect(shortcomingsOf('scenario', { ours: NONE, plain })).toEqual([
      { check: '', why: 'the scenario did not run' },
    ]);
  });

  it('whose check was never made', () => {
    expect(shortcomingsOf('scenario', { ours: leg([check('a')]), plain })).toEqual([
      { check: 'b', why: 'the check was never made' },
    ]);
  });

  for (const status of ['FAILURE', 'WARNING', 'SKIPPED', 'INFO'] as const) {
    it(`whose check came to ${status}, told once`, () => {
      const ours = leg([check('a'), check('b', status)]);
      expect(shortcomingsOf('scenario', { ours, plain })).toEqual([{ check: 'b', why: status }]);
    });
  }

  it('where one of several checks of that id and name failed', () => {
    const ours = leg([check('a'), check('b', 'FAILURE'), check('b')]);
    expect(shortcomingsOf('scenario', { ours, plain })).toEqual([{ check: 'b', why: 'FAILURE' }]);
  });

  it('where a check of that id was made for one case and not for another', () => {
    const cases = leg([check('a', 'SUCCESS', 'one'), check('a', 'SUCCESS', 'other')]);
    const ours = leg([check('a', 'SUCCESS', 'one')]);
    expect(shortcomingsOf('scenario', { ours, plain: cases })).toEqual([
      { check: 'a', why: 'the check was never made' },
    ]);
  });

  it('where something fails that fails for the plain SDK too, or that it was not asked', () => {
    const ours = leg([check('a'), check('b', 'FAILURE'), check('new', 'FAILURE')]);
    const failing = leg([check('a'), check('b', 'FAILURE')]);
    expect(shortcomingsOf('scenario', { ours, plain: failing }).map(({ check }) => check)).toEqual([
      'b',
      'new',
    ]);
  });

  it('where there is nothing to compare with', () => {
    const [shortcoming] = shortcomingsOf('scenario', { ours: plain, plain: NONE });
    expect(shortcoming?.why).toContain('the plain SDK passes nothing of it');
  });

  it('whose client did not come to its end', () => {
    const ours = leg([check('a'), check('b')], false);
    expect(shortcomingsOf('scenario', { ours, plain })[0]?.why).toContain(
      'the client did not come to its end',
    );
  });

  it('of which everything passes without any client', () => {
    const [shortcoming] = shortcomingsOf('scenario', { ours: plain, plain, nobody: plain });
    expect(shortcoming?.why).toContain('without a client');
    const nobody = leg([check('a')]);
    expect(shortcomingsOf('scenario', { ours: plain, plain, nobody })).toEqual([]);
  });
});

describe('exceptions', () => {
  const plain = leg([check('a'), check('b')]);
  const ours = leg([check('a', 'FAILURE'), check('b', 'FAILURE')]);
  const excuse = (subject: string) => ({ subject, reason: 'because' });

  it('excuse a scenario, or one check of it', () => {
    expect(judge('scenario', { ours, plain }, [excuse('scenario')])).toEqual({ unexcused: [], stale: [] });
    expect(judge('scenario', { ours, plain }, [excuse('scenario:a'), excuse('other')])).toEqual({
      unexcused: [{ check: 'b', why: 'FAILURE' }],
      stale: [],
    });
  });

  it('are out of date where what they excuse passes', () => {
    for (const subject of ['scenario', 'scenario:a']) {
      expect(judge('scenario', { ours: plain, plain }, [excuse(subject)]).stale).toEqual([excuse(subject)]);
    }
  });
});
