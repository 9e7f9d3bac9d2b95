// @vitest-environment node
import { describe, expect, it } from 'vitest';

import { OperationMemory } from '../src/model';
import { Trend } from '../src/model/trend';
import { NOW, snapshot, stage } from './snapshots';

const heard = (at: number, done: number, fields: Parameters<typeof snapshot>[0] = {}) =>
  snapshot({
    seq: at,
    stages: [stage({ name: 'analysis', state: 'running', done, total: 100 })],
    hub: { ...snapshot().hub!, changed_at: NOW + at },
    ...fields
  });

function paceAfter(...snapshots: ReturnType<typeof snapshot>[]) {
  const memory = new OperationMemory();
  snapshots.forEach(each => memory.observe(each, NOW));
  const pace = memory.pace('op_1');
  return pace && { since: pace.changedAt - NOW, usual_s: pace.usual_s };
}

describe('the memory of a pace', () => {
  it('knows when a count changed last, and how long that usually takes', () => {
    expect(paceAfter(heard(0, 1), heard(2, 2), heard(4, 3))).toEqual({ since: 4, usual_s: 2 });
  });

  it('takes a message without a count for no progress', () => {
    expect(paceAfter(heard(0, 1), heard(2, 2), heard(9, 2, { message: 'still' }))).toEqual({
      since: 2,
      usual_s: 2
    });
  });

  it('begins anew with each stage, and has no opinion before it counted', () => {
    const next = { stage: 'planning', stages: [stage({ name: 'planning', state: 'running' })] };
    expect(paceAfter(heard(0, 1), heard(2, 2), heard(3, 0, next))).toEqual({
      since: 3,
      usual_s: null
    });
  });

  it('does not count a pause as waiting', () => {
    const paused = heard(3, 2, { state: 'paused' });
    expect(paceAfter(heard(0, 1), heard(2, 2), paused, heard(600, 2))).toEqual({
      since: 600,
      usual_s: 2
    });
  });

  it('expects no more of an operation than its rate', () => {
    const rated = heard(0, 1, {
      stages: [stage({ name: 'analysis', state: 'running', done: 1, rate: 0.1 })]
    });
    expect(paceAfter(rated)?.usual_s).toBe(10);
  });

  it('has none of what has ended, or was forgotten', () => {
    expect(paceAfter(heard(0, 1), heard(2, 2, { state: 'failed' }))).toBeNull();
    const memory = new OperationMemory();
    memory.observe(heard(0, 1, { metrics: { loss: 1 } }), NOW);
    memory.forget('op_1');
    expect([memory.pace('op_1'), memory.trend('op_1', 'loss')]).toEqual([null, []]);
  });
});

describe('the memory of a metric', () => {
  it('is its course, one value for each snapshot that the publisher made', () => {
    const memory = new OperationMemory();
    for (const [seq, loss] of [
      [1, 0.9],
      [2, 0.5],
      [2, 0.5],
      [3, 0.4]
    ] as const) {
      memory.observe(snapshot({ seq, metrics: { loss } }), NOW);
    }
    expect(memory.trend('op_1', 'loss')).toEqual([0.9, 0.5, 0.4]);
    expect(memory.trend('op_1', 'accuracy')).toEqual([]);
  });

  it('stays small, from the first value to the last', () => {
    const trend = new Trend(16);
    for (let value = 0; value <= 10_000; value++) {
      trend.add(value);
      expect(trend.values.length).toBeLessThanOrEqual(17);
      expect(trend.values.at(-1)).toBe(value);
    }
    expect(trend.values[0]).toBe(0);
  });

  it('is kept of so many metrics and no more', () => {
    const memory = new OperationMemory();
    const metrics = Object.fromEntries(Array.from({ length: 99 }, (_, n) => [`m${n}`, n]));
    memory.observe(snapshot({ metrics }), NOW);
    expect([memory.trend('op_1', 'm15'), memory.trend('op_1', 'm16')]).toEqual([[15], []]);
  });
});
