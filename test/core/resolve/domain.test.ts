import { describe, expect, it } from 'vitest';
import { resolveEntityWithPriority, selectServer } from '../../../src/core/resolve/domain.js';
import { verifies } from '../../verifies.js';

describe('the server of a domain', () => {
  const one = { id: 'one', priority: 1, status: 'ok' };
  const ten = { id: 'ten', priority: 10, status: 'ok' };
  const down = { id: 'one', priority: 1, status: 'failed', error: 'connection refused' };

  verifies('resolve:domain', 'is the one of the lowest number, and who lost is told with the rule', () => {
    expect(selectServer([ten, one], { fallback: true })).toEqual({
      winner: { server: 'one', priority: 1, reason: 'priority 1 < 10 (ten)' },
      fallbackUsed: false,
      passedOver: [{ server: 'ten', priority: 10, status: 'ok', rule: 'priority 1 < 10' }],
      warnings: [],
    });
  });

  it('is the next one when the first is down and another may answer', () => {
    expect(selectServer([down, ten], { fallback: true })).toEqual({
      winner: { server: 'ten', priority: 10, reason: 'one (priority 1) is failed' },
      fallbackUsed: true,
      passedOver: [
        { server: 'one', priority: 1, status: 'failed', rule: 'status failed', error: 'connection refused' },
      ],
      warnings: [],
    });
  });

  it('is nobody when the first is down and no other may answer, or all are down', () => {
    expect(selectServer([down, ten], { fallback: false })).toMatchObject({
      winner: undefined,
      fallbackUsed: false,
      passedOver: [{ rule: 'status failed' }, { server: 'ten', rule: 'fallback is off' }],
    });
    expect(selectServer([down, { ...ten, status: 'timeout' }], { fallback: true }).winner).toBeUndefined();
    expect(selectServer([], { fallback: true }).winner).toBeUndefined();
  });

  it('goes by id among equal priorities, with a warning', () => {
    const tied = [{ ...ten, priority: 1 }, one, { id: 'zoo', priority: 1, status: 'failed' }];
    expect(selectServer(tied, { fallback: true })).toMatchObject({
      winner: { server: 'one', reason: 'equal priority 1: id one before ten (ten)' },
      warnings: [{ code: 'RES302', server: 'ten' }],
    });
  });

  it('is explained where it is alone', () => {
    expect(selectServer([one], { fallback: false }).winner?.reason).toBe('the only server of the domain');
    expect(selectServer([one, { ...ten, status: 'failed' }], { fallback: false }).winner?.reason).toBe(
      'priority 1 is the best that answers',
    );
  });
});

describe('an entity among gathered servers', () => {
  const gathered = {
    late: { domains: ['products'], resources: { Wand: 'late' } },
    second: { priority: 2, domains: ['products'], resources: { Wand: 'second', Only: 'here' } },
    first: { priority: 1, domains: ['products', 'sales'], resources: { Wand: 'first' } },
    stranger: { priority: 0, domains: ['weather'], resources: { Wand: 'stranger' } },
  };

  verifies('resolve:entity', 'is taken from the best server of the domain that has it', () => {
    expect(resolveEntityWithPriority('Wand', 'products', gathered)).toEqual({
      server: 'first',
      entity: 'first',
      priority: 1,
    });
    expect(resolveEntityWithPriority('Only', 'products', gathered)).toEqual({
      server: 'second',
      entity: 'here',
      priority: 2,
    });
    expect(resolveEntityWithPriority('Wand', 'products', { late: gathered.late })?.priority).toBe(999);
  });

  it('is not found elsewhere, nor in what every object inherits', () => {
    expect(resolveEntityWithPriority('Nothing', 'products', gathered)).toBeUndefined();
    expect(resolveEntityWithPriority('Wand', 'unknown', gathered)).toBeUndefined();
    expect(resolveEntityWithPriority('constructor', 'products', gathered)).toBeUndefined();
    expect(resolveEntityWithPriority('Wand', 'products', { bare: {} })).toBeUndefined();
  });
});
