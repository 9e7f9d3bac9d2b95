// @vitest-environment node
import { describe, expect, it } from 'vitest';

import { type IPolicy, isAnnounced, NOTHING, overallOf } from '../src/model';
import type { Snapshot } from '../src/protocol';
import { NOW, snapshot } from './snapshots';

const LONGER: IPolicy = { when: 'longer', after_s: 30 };

/** How an operation ended, and what it asked for. */
function end(
  state: Snapshot['state'],
  elapsed_s: number | null,
  notify: Snapshot['notify'] = { when: 'default', after_s: null }
) {
  return { state, elapsed_s, notify };
}

describe('whether an end is announced', () => {
  it.each<[IPolicy['when'], boolean[]]>([
    ['never', [false, false, false, false]],
    ['failure', [false, true, false, true]],
    ['longer', [false, false, true, true]],
    ['always', [true, true, true, true]]
  ])('follows the setting %s', (when, expected) => {
    const ends = [
      end('succeeded', 29.9),
      end('failed', 29.9),
      end('succeeded', 30),
      end('failed', 30)
    ];
    expect(ends.map(each => isAnnounced(each, { when, after_s: 30 }))).toEqual(expected);
  });

  it('follows the operation rather than the settings', () => {
    const always = { when: 'always', after_s: null } as const;
    const never = { when: 'never', after_s: null } as const;
    expect(isAnnounced(end('succeeded', 1, always), { when: 'never', after_s: 0 })).toBe(true);
    expect(isAnnounced(end('failed', 99, never), { when: 'always', after_s: 0 })).toBe(false);
  });

  it('takes the time of the operation, and that of the settings where it gave none', () => {
    const own = { when: 'longer', after_s: 5 } as const;
    expect(isAnnounced(end('succeeded', 6, own), { when: 'never', after_s: 30 })).toBe(true);
    const bare = { when: 'longer', after_s: null } as const;
    expect(isAnnounced(end('succeeded', 6, bare), { when: 'never', after_s: 30 })).toBe(false);
  });

  it('takes an operation for long whose duration nobody knows', () => {
    expect(isAnnounced(end('succeeded', null), LONGER)).toBe(true);
  });
});

describe('what runs, all in all', () => {
  const estimate = (p50_s: number): Snapshot['estimate'] => ({
    p10_s: null,
    p50_s,
    p90_s: null,
    basis: [],
    slowdown: null,
    why: ''
  });

  it('is nothing without operations, and none of those that ended, are paused, or were lost', () => {
    expect(overallOf([], NOW)).toEqual(NOTHING);
    const lost = { ...snapshot().hub!, lease: 'lost' as const };
    const still = [
      snapshot({ state: 'succeeded' }),
      snapshot({ state: 'paused' }),
      snapshot({ hub: lost })
    ];
    expect(overallOf(still, NOW)).toEqual(NOTHING);
  });

  it('is the mean of what is known, and done when the last one is', () => {
    const operations = [
      snapshot({ id: 'a', fraction: 0.2, estimate: estimate(40) }),
      snapshot({ id: 'b', fraction: 0.6, estimate: estimate(15) }),
      snapshot({ id: 'c', fraction: null, estimate: estimate(3) })
    ];
    expect(overallOf(operations, NOW + 5)).toEqual({ running: 3, fraction: 0.4, left_s: 35 });
  });

  it('leaves the time open where that of one is, and the share where that of all is', () => {
    const operations = [
      snapshot({ id: 'a', fraction: null, estimate: estimate(40) }),
      snapshot({ id: 'b', fraction: null })
    ];
    expect(overallOf(operations, NOW)).toEqual({ running: 2, fraction: null, left_s: null });
  });

  it('counts an operation inside another one once', () => {
    const operations = [
      snapshot({ id: 'outer', fraction: 0.5 }),
      snapshot({ id: 'inner', fraction: 0.1, parent: 'outer' }),
      snapshot({ id: 'orphan', fraction: 0.7, parent: 'gone' })
    ];
    expect(overallOf(operations, NOW)).toMatchObject({ running: 2, fraction: 0.6 });
  });
});
