import { Notification as Toast } from '@jupyterlab/apputils';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { english } from '../src/components/words';
import { OperationsModel } from '../src/model';
import { OverallWatch } from '../src/plugins/overall';
import { RunningOperations } from '../src/plugins/running';
import type { IProgressHub } from '../src/tokens';
import { snapshot } from './snapshots';

let model: OperationsModel;
let command: ReturnType<typeof vi.fn<IProgressHub['command']>>;

beforeEach(() => {
  vi.useFakeTimers();
  model = new OperationsModel();
  command = vi.fn<IProgressHub['command']>(() => Promise.resolve(null));
});

afterEach(() => {
  Toast.dismiss();
  vi.useRealTimers();
});

describe('among the running sessions', () => {
  const jump = vi.fn(() => Promise.resolve());
  const running = () => new RunningOperations({ model, command }, { to: jump }, english);

  it('are the live operations, with their place and how far they are', () => {
    const lost = snapshot({ id: 'gone', hub: { ...snapshot().hub!, lease: 'lost' } });
    model.swap([snapshot(), snapshot({ id: 'old', state: 'failed' }), lost], []);
    const [item, ...rest] = running().running();
    expect(rest).toEqual([]);
    expect(item!.label()).toBe('Customize résumé');
    expect(item!.labelTitle!()).toContain('demo.ipynb');
    expect(item!.detail!()).toBe('21 %');
    item!.open!();
    expect(jump).toHaveBeenCalledWith(snapshot().origin);
  });

  it('shut down is cancel, where an operation can be cancelled', () => {
    model.swap([snapshot(), snapshot({ id: 'deaf', actions: [] })], []);
    const items = running().running();
    items.find(({ context }) => context === 'op_1')!.shutdown!();
    expect(command).toHaveBeenCalledWith('op_1', 'cancel');
    expect(items.find(({ context }) => context === 'deaf')!.shutdown).toBeUndefined();
  });

  it('says why one was not cancelled', async () => {
    command.mockResolvedValue('offline');
    model.swap([snapshot()], []);
    running().running()[0]!.shutdown!();
    await vi.advanceTimersByTimeAsync(0);
    const [toast] = Toast.manager.notifications;
    expect(toast!.message).toBe('Customize résumé was not cancelled: offline');
  });

  it('cancels all after having said how many', () => {
    model.swap([snapshot(), snapshot({ id: 'two' }), snapshot({ id: 'deaf', actions: [] })], []);
    const manager = running();
    expect(manager.shutdownAllConfirmationText()).toContain('Cancel 2 operations?');
    manager.shutdownAll();
    expect(command.mock.calls.map(([id]) => id).sort()).toEqual(['op_1', 'two']);
  });

  describe('is drawn anew', () => {
    let changed: ReturnType<typeof vi.fn>;

    beforeEach(() => {
      changed = vi.fn();
      running().runningChanged.connect(changed);
    });

    function count(): void {
      for (let seq = 1; seq <= 20; seq++) {
        model.swap([snapshot({ seq })], []);
        vi.advanceTimersByTime(100);
      }
    }

    it('when one comes or goes, and not for counts that nobody sees', () => {
      count();
      expect(changed).toHaveBeenCalledOnce();
      model.swap([snapshot({ seq: 21, state: 'succeeded' })], []);
      vi.advanceTimersByTime(1_000);
      expect(changed).toHaveBeenCalledTimes(2);
    });

    it('once a second at most where it is on the screen', () => {
      const list = document.body.appendChild(document.createElement('div'));
      list.className = 'jp-RunningSessions';
      // There is no layout here that would say where it stands.
      Object.defineProperty(list, 'offsetParent', { value: document.body });
      count();
      expect(changed).toHaveBeenCalledTimes(2);
      list.remove();
    });
  });
});

describe('the overall progress', () => {
  it('is told at most twice a second, and the last word is right', () => {
    const watch = new OverallWatch({ model });
    const changed = vi.fn();
    watch.changed.connect(changed);
    for (let seq = 1; seq <= 20; seq++) {
      model.swap([snapshot({ seq, fraction: seq / 20 })], []);
      vi.advanceTimersByTime(50);
    }
    expect(changed.mock.calls.length).toBeLessThanOrEqual(3);
    vi.advanceTimersByTime(1_000);
    expect(watch.value).toMatchObject({ running: 1, fraction: 1 });
    model.swap([snapshot({ seq: 21, state: 'succeeded' })], []);
    vi.advanceTimersByTime(1_000);
    expect(watch.value.running).toBe(0);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('counts the time left down between two messages', () => {
    const estimate = { p10_s: null, p50_s: 40, p90_s: null, basis: [], slowdown: null, why: '' };
    model.clock.read(1000);
    const hub = { ...snapshot().hub!, changed_at: 1000 };
    const watch = new OverallWatch({ model });
    model.swap([snapshot({ estimate, hub })], []);
    vi.advanceTimersByTime(1_000);
    const before = watch.value.left_s!;
    vi.advanceTimersByTime(5_000);
    expect(before - watch.value.left_s!).toBeCloseTo(5, 0);
  });
});
