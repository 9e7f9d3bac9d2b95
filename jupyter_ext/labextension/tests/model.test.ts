import { describe, expect, it } from 'vitest';

import { elapsedAt, HubClock, type IChange, OperationsModel, pausedAt } from '../src/model';
import { NOW, snapshot } from './snapshots';

describe('the operations of a page', () => {
  it('tells in one signal what changed', () => {
    const model = new OperationsModel();
    const changes: IChange[] = [];
    model.changed.connect((_, change) => changes.push(change), changes);
    model.swap([snapshot({ id: 'a' }), snapshot({ id: 'b' })], []);
    model.swap([snapshot({ id: 'a', seq: 2 })], ['b']);
    model.swap([], []);
    expect(changes.map(change => [...change.ids].sort())).toEqual([
      ['a', 'b'],
      ['a', 'b']
    ]);
    expect([model.get('a')?.seq, model.get('b')]).toEqual([2, undefined]);
  });

  it('tells that it is in step even when the hub has nothing', () => {
    const model = new OperationsModel();
    const changes: IChange[] = [];
    model.changed.connect((_, change) => changes.push(change), changes);
    expect(model.synced).toBe(false);
    model.swap([], []);
    expect(model.synced).toBe(true);
    expect(changes).toHaveLength(1);
  });

  it('hands out entries that nobody can change', () => {
    const model = new OperationsModel();
    model.swap([snapshot()], []);
    const entry = model.get('op_1')!;
    expect(() => (entry.stages[0]!.done = 99)).toThrow(TypeError);
    expect(() => (entry.name = 'x')).toThrow(TypeError);
  });

  it('does not count backwards when a restarted hub knows less, until the publisher is heard again', () => {
    const model = new OperationsModel();
    const hub = snapshot().hub!;
    const stale = { ...hub, lease: 'stale' } as const;
    model.swap([snapshot({ seq: 50, fraction: 0.5 })], []);
    model.swap([snapshot({ seq: 40, fraction: 0.4, hub: stale })], []);
    expect(model.get('op_1')).toMatchObject({ fraction: 0.5, hub: { lease: 'stale' } });
    model.swap([snapshot({ seq: 41, fraction: 0.41 })], []);
    expect(model.get('op_1')?.fraction).toBe(0.41);
  });

  it('lists what runs before what ended, the newest first', () => {
    const model = new OperationsModel();
    model.swap(
      [
        snapshot({ id: 'ended', state: 'succeeded', ended_at: NOW }),
        snapshot({ id: 'old', started_at: 10 }),
        snapshot({ id: 'new', started_at: 20 }),
        snapshot({ id: 'ended before', state: 'failed', ended_at: NOW - 9 })
      ],
      []
    );
    expect(model.list().map(entry => entry.id)).toEqual(['new', 'old', 'ended', 'ended before']);
  });
});

describe("the hub's clock", () => {
  it('believes the reading that travelled fastest', () => {
    let local = 1000;
    const clock = new HubClock(() => local);
    expect(clock.now()).toBe(1000);
    clock.read(5000);
    local = 1010;
    clock.read(5009.5);
    expect(clock.now()).toBe(5010);
    clock.read(5010.2);
    expect(clock.now()).toBe(5010.2);
  });

  it('follows a clock that was set', () => {
    const clock = new HubClock(() => 1000);
    clock.read(5000);
    clock.read(4000);
    expect(clock.now()).toBe(4000);
  });
});

describe('the elapsed time between two messages', () => {
  it('goes on while the operation runs', () => {
    expect(elapsedAt(snapshot(), NOW + 3)).toBeCloseTo(24.4);
    expect(elapsedAt(snapshot(), NOW - 3)).toBeCloseTo(21.4);
  });

  it('stands while it is paused, ended, or not heard of', () => {
    const hub = snapshot().hub!;
    expect(elapsedAt(snapshot({ state: 'paused' }), NOW + 3)).toBe(21.4);
    expect(elapsedAt(snapshot({ state: 'failed' }), NOW + 3)).toBe(21.4);
    expect(elapsedAt(snapshot({ hub: { ...hub, lease: 'stale' } }), NOW + 3)).toBe(21.4);
    expect(elapsedAt(snapshot({ hub: null }), NOW + 3)).toBe(21.4);
    expect(elapsedAt(snapshot({ elapsed_s: null }), NOW)).toBeNull();
  });

  it('is counted as a pause meanwhile, as long as the operation is heard of', () => {
    const paused = snapshot({ state: 'paused', paused_s: 60 });
    expect(pausedAt(paused, NOW + 3)).toBeCloseTo(63);
    expect(pausedAt(paused, NOW - 3)).toBe(60);
    expect(pausedAt({ ...paused, state: 'running' }, NOW + 3)).toBe(60);
    expect(pausedAt({ ...paused, hub: { ...paused.hub!, lease: 'lost' } }, NOW + 3)).toBe(60);
    expect(pausedAt({ ...paused, hub: null }, NOW + 3)).toBe(60);
  });
});
