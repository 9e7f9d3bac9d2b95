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
