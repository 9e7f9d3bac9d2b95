import type { JupyterFrontEnd } from '@jupyterlab/application';
import { NotebookActions } from '@jupyterlab/notebook';
import { Signal } from '@lumino/signaling';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { cellsPlugin } from '../src/plugins/cells';
import type { IProgressHub } from '../src/tokens';

/** A cell of an open notebook; `run` does what JupyterLab does: it tells, and then sends the request. */
class OpenCell {
  constructor(
    readonly type: 'code' | 'markdown' = 'code',
    readonly kernelId: string | null = 'kernel-1'
  ) {}

  private outputArea = { future: null as { msg: { header: { msg_id: string } } } | null };

  async run(request: string | null): Promise<void> {
    const signal = NotebookActions.executionScheduled as unknown as Signal<unknown, unknown>;
    signal.emit({
      notebook: {
        parent: {
          context: { localPath: 'work/demo.ipynb' },
          sessionContext: {
            session: this.kernelId === null ? null : { kernel: { id: this.kernelId } }
          }
        }
      },
      cell: { model: { type: this.type, id: 'cell-1' }, outputArea: this.outputArea }
    });
    if (request !== null) {
      this.outputArea.future = { msg: { header: { msg_id: request } } };
    }
    await new Promise(resolve => setTimeout(resolve));
  }
}

let send: ReturnType<typeof vi.fn>;
let hub: IProgressHub;

class Settings {
  constructor(public cellsAfter_s: number) {}
  readonly changed = new Signal<this, void>(this);
}

function activate(settings: Settings | null = new Settings(30)): void {
  void cellsPlugin.activate({} as unknown as JupyterFrontEnd, hub, settings);
}

/** What was said of cells that were run. */
function executions(): unknown[] {
  return send.mock.calls.flat().filter(({ type }) => type === 'execution');
}

beforeEach(() => {
  send = vi.fn();
  hub = { send } as unknown as IProgressHub;
});

afterEach(() => Signal.clearData(hub));

describe('a cell that is run', () => {
  it('is told to the hub with the request that it sent', async () => {
    activate();
    const cell = new OpenCell();
    await cell.run('r1');
    await cell.run('r2');
    expect(executions()).toEqual(
      ['r1', 'r2'].map(request => ({
        type: 'execution',
        kernel_id: 'kernel-1',
        request,
        cell_id: 'cell-1',
        notebook: 'work/demo.ipynb',
        after_s: 30
      }))
    );
  });

  it.each([
    ['switched off', new Settings(0)],
    ['not there', null]
  ])('is no operation by itself where the setting is %s', async (_, settings) => {
    activate(settings);
    await new OpenCell().run('r1');
    expect(executions()).toMatchObject([{ after_s: null }]);
  });

  it('is watched for by the server from the start on, while the setting says so', () => {
    const settings = new Settings(0);
    activate(settings);
    settings.cellsAfter_s = 10;
    settings.changed.emit();
    expect(send.mock.calls.flat()).toEqual([
      { type: 'watch_cells', after_s: null },
      { type: 'watch_cells', after_s: 10 }
    ]);
  });

  it('says nothing where no request was sent', async () => {
    activate();
    const cell = new OpenCell();
    await cell.run('r1');
    send.mockClear();
    await cell.run(null);
    await new OpenCell('markdown').run('r2');
    await new OpenCell('code', null).run('r3');
    expect(send).not.toHaveBeenCalled();
  });
});
