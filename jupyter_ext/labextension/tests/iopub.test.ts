import type { JupyterFrontEnd } from '@jupyterlab/application';
import { Signal } from '@lumino/signaling';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { LEASE_S, OperationsModel, Overheard } from '../src/model';
import { iopubPlugin } from '../src/plugins/iopub';
import { readTold } from '../src/protocol';
import { snapshot } from './snapshots';

/** What a kernel says of its operation, as it travels. */
function told(fields: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    ...snapshot({ id: 'op_1', seq: 1, state: 'running', actions: ['cancel'] }),
    estimate: { p10_s: 1, p50_s: 2, p90_s: 3, basis: ['rate', 'magic'], slowdown: null, why: '' },
    hub: null,
    ...fields
  };
}

/** An open notebook whose kernel speaks. */
class OpenNotebook {
  readonly iopubMessage = new Signal<this, unknown>(this);
  readonly statusChanged = new Signal<this, string>(this);
  readonly session = { kernel: { id: 'kernel-1' } };
  readonly sessionContext = this;

  say(operations: unknown, type = 'progress_kit', version: unknown = 1): void {
    this.iopubMessage.emit({ header: { msg_type: type }, content: { version, operations } });
  }
}

let model: OperationsModel;
let notebook: OpenNotebook;

beforeEach(() => {
  vi.useFakeTimers();
  model = new OperationsModel();
  notebook = new OpenNotebook();
  const added = new Signal<object, OpenNotebook>({});
  void iopubPlugin.activate(
    {} as unknown as JupyterFrontEnd,
    { model },
    { forEach: () => undefined, widgetAdded: added }
  );
  added.emit(notebook);
});

afterEach(() => {
  vi.useRealTimers();
});

describe('an operation of a kernel that reaches no hub', () => {
  it('is shown, by what it came, and without buttons that nobody would hear', () => {
    notebook.say([told()]);
    expect(model.get('op_1')).toMatchObject({
      state: 'running',
      actions: [],
      estimate: { p50_s: 2, basis: ['rate'] },
      hub: { lease: 'ok', via: 'iopub', stored: false }
    });
  });

  it('does not make the page believe that the hub has told its state', () => {
    notebook.say([told()]);
    expect(model.synced).toBe(false);
    model.swap([], []);
    expect(model.get('op_1')).toBeDefined();
  });

  it('moves forward only, and an end is final', () => {
    notebook.say([told({ seq: 5, fraction: 0.5 })]);
    notebook.say([told({ seq: 4, fraction: 0.4 })]);
    expect(model.get('op_1')).toMatchObject({ seq: 5, fraction: 0.5 });
    notebook.say([told({ seq: 6, state: 'succeeded' })]);
    notebook.say([told({ seq: 7 })]);
    expect(model.get('op_1')).toMatchObject({ seq: 6, state: 'succeeded' });
  });

  it('is left to the hub where that knows it', () => {
    model.swap([snapshot({ id: 'op_1', seq: 3, name: 'By the hub' })], []);
    notebook.say([told({ seq: 9 })]);
    expect(model.get('op_1')).toMatchObject({ seq: 3, name: 'By the hub' });
  });

  it('is stale and then lost when its kernel says nothing, and back with the next word', () => {
    notebook.say([told()]);
    vi.advanceTimersByTime((LEASE_S / 2 + 1) * 1000);
    expect(model.get('op_1')?.hub?.lease).toBe('stale');
    vi.advanceTimersByTime((LEASE_S / 2 + 1) * 1000);
    expect(model.get('op_1')?.hub?.lease).toBe('lost');
    notebook.say([told()]);
    expect(model.get('op_1')?.hub?.lease).toBe('ok');
  });

  it('looks at the clock no longer than something runs', () => {
    notebook.say([told({ state: 'failed' })]);
    expect(vi.getTimerCount()).toBe(0);
    notebook.say([told({ id: 'op_2' })]);
    expect(vi.getTimerCount()).toBe(1);
    notebook.say([told({ id: 'op_2', seq: 2, state: 'succeeded' })]);
    vi.advanceTimersByTime(2_000);
    expect(vi.getTimerCount()).toBe(0);
  });

  it.each(['dead', 'restarting', 'autorestarting'])('is lost when its kernel is %s', status => {
    const origin = { ...snapshot({ id: 'x' }).origin, kernel_id: 'kernel-1' };
    notebook.say([
      told({ origin }),
      told({ id: 'op_2', origin: { ...origin, kernel_id: 'kernel-2' } })
    ]);
    notebook.statusChanged.emit('busy');
    expect(model.get('op_1')?.hub?.lease).toBe('ok');
    notebook.statusChanged.emit(status);
    expect(model.get('op_1')?.hub?.lease).toBe('lost');
    expect(model.get('op_2')?.hub?.lease).toBe('ok');
  });

  it.each([
    ['another type', [told()], 'stream', 1],
    ['another version', [told()], 'progress_kit', 2],
    ['no list', 'operations', 'progress_kit', 1],
    [
      'no operation',
      [{}, null, 3, told({ state: 'sleeping' }), told({ id: '' })],
      'progress_kit',
      1
    ]
  ])('is not made up from %s', (_, operations, type, version) => {
    notebook.say(operations, type, version);
    expect(model.list()).toEqual([]);
  });

  it('has no text that deceives, and no number that is none', () => {
    const [read] = readTold({
      version: 1,
      operations: [told({ name: 'a\u202eb', fraction: Infinity, estimate: { p50_s: -1 } })]
    });
    expect(read).toMatchObject({ name: 'a\ufffdb', fraction: null, estimate: null });
  });

  it('is forgotten when a thousand others were heard of since', () => {
    const overheard = new Overheard();
    const many = Array.from({ length: 1_001 }, (_, i) => snapshot({ id: `op_${i}`, seq: 1 }));
    expect(overheard.hear(many, 0, 0)).toHaveLength(1_001);
    expect(overheard.tick(LEASE_S)).toHaveLength(1_000);
  });
});
