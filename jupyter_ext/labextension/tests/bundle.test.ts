import { describe, expect, it } from 'vitest';

import { readBundle } from '../src/protocol';
import { snapshot } from './snapshots';

describe('the stored output of a notebook', () => {
  it('is read as it was written', () => {
    const stored = { ...snapshot(), hub: null, actions: [], tasks: [] };
    expect(readBundle({ version: 1, operation: 'op_1', hub_id: 'h_1', snapshot: stored })).toEqual({
      version: 1,
      operation: 'op_1',
      hub_id: 'h_1',
      snapshot: stored
    });
  });

  it('deceives nobody: what could hide or reorder a text is replaced, and nothing has no end', () => {
    const name = 'a\u202eb\u2066\x1b[31m\x00\n\u200f\u2028z <b>é</b> 👩‍🔬';
    const bundle = readBundle({
      operation: 'op_1',
      snapshot: {
        state: 'failed',
        name,
        message: 'x'.repeat(1e6),
        stages: new Array(1000).fill({ name }),
        metrics: { [name]: 1, ['__proto__']: 2, constructor: 3 },
        error: { type: name, message: name },
        origin: { notebook: name }
      }
    });
    const clean = 'a\ufffdb\ufffd\ufffd[31m\ufffd \ufffd z <b>é</b> 👩‍🔬';
    expect(bundle?.snapshot).toMatchObject({
      name: clean,
      error: { type: clean, message: clean },
      origin: { notebook: clean }
    });
    expect(bundle?.snapshot.message).toHaveLength(4096);
    expect(bundle?.snapshot.stages).toHaveLength(64);
    expect(bundle?.snapshot.stages[0]?.name).toBe(clean);
    expect(bundle?.snapshot.metrics).toHaveProperty([clean], 1);
    expect(Object.getPrototypeOf(bundle?.snapshot.metrics)).toBe(Object.prototype);
  });

  it('is forgiven what is missing or of a wrong type', () => {
    const bundle = readBundle({
      operation: 'op_1',
      snapshot: {
        state: 'failed',
        name: 7,
        fraction: 12,
        stages: [{ weight: -1, done: 'x' }, null],
        error: 'boom',
        metrics: [1]
      }
    });
    expect(bundle?.snapshot).toMatchObject({
      name: '',
      fraction: 1,
      error: { type: '', message: '' },
      metrics: {}
    });
    expect(bundle?.snapshot.stages.map(stage => [stage.weight, stage.done])).toEqual([
      [1, 0],
      [1, 0]
    ]);
  });

  it.each([
    null,
    'x',
    [],
    {},
    { operation: 'op_1' },
    { operation: 'op_1', snapshot: { state: 'dancing' } }
  ])('is refused when it names no operation or no state: %j', value => {
    expect(readBundle(value)).toBeNull();
  });
});
