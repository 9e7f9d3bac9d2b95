import type { ICodeCellModel } from '@jupyterlab/cells';
import type { IOutput } from '@jupyterlab/nbformat';
import { NotebookActions, NotebookModel, type NotebookPanel } from '@jupyterlab/notebook';
import { Signal } from '@lumino/signaling';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { HubClock, OperationsModel } from '../src/model';
import { Executions } from '../src/plugins/executions';
import { EndKeeper } from '../src/plugins/keep-end';
import { mimeBundle } from '../src/plugins/outputs';
import { Reattacher } from '../src/plugins/reattach';
import { MIME_TYPE, type OperationBundle, type Snapshot } from '../src/protocol';
import { NOW, snapshot } from './snapshots';

/** An open notebook: JupyterLab's own model, in a shell that has only what is asked of a panel. */
class Opened {
  constructor(options: { savedAt?: number; outputs?: IOutput[]; collaborative?: boolean } = {}) {
    this.model = new NotebookModel({ collaborationEnabled: options.collaborative ?? false });
    this.model.fromJSON({
      nbformat: 4,
      nbformat_minor: 5,
      metadata: {},
      cells: ['cell-1', 'cell-2'].map(id => ({
        id,
        cell_type: 'code' as const,
        source: '',
        metadata: {},
        execution_count: null,
        outputs: id === 'cell-1' ? (options.outputs ?? []) : []
      }))
    });
    this.panel = {
      context: {
        model: this.model,
        contentsModel: { last_modified: new Date((options.savedAt ?? 0) * 1000).toISOString() }
      },
      sessionContext: { session: { kernel: { id: 'kernel-1' } }, path: 'demo.ipynb' },
      disposed: new Signal<object, void>({}),
      isDisposed: false
    } as unknown as NotebookPanel;
  }
  readonly model: NotebookModel;
  readonly panel: NotebookPanel;

  cell(index = 0): ICodeCellModel {
    return this.model.cells.get(index) as ICodeCellModel;
  }

  /** The operations whose outputs the first cell has, with their stored states. */
  shown(index = 0): string[] {
    return this.cell(index)
      .outputs.toJSON()
      .map(output => (output.data as Record<string, unknown>)[MIME_TYPE] as OperationBundle)
      .map(bundle => `${bundle.operation} ${bundle.snapshot.state}`);
  }

  /** As if the user ran the first cell now. */
  run(): void {
    this.tell(NotebookActions.executionScheduled);
  }

  /** As if the first cell had ended. */
  end(): void {
    this.tell(NotebookActions.executed);
  }

  private tell(signal: unknown): void {
    (signal as Signal<unknown, unknown>).emit({
      notebook: { model: this.model, parent: this.panel },
      cell: { model: this.cell() }
    });
  }
}

let operations: OperationsModel;
let executions: Executions;

let pages: Executions[] = [];

/** What a page knows of the cells that are run while it is open. */
function page(model = operations): Executions {
  const executions = new Executions(model);
  pages.push(executions);
  return executions;
}

/** As if all pages were closed. */
function forgetPages(): void {
  pages.forEach(executions => Signal.clearData(executions));
  pages = [];
}

/** The hub tells of operations. */
function hub(...snapshots: Snapshot[]): void {
  operations.swap(snapshots, []);
}

/** An operation that began some seconds before now. */
function began(secondsAgo: number, fields: Partial<Snapshot> = {}): Snapshot {
  const at = NOW - secondsAgo;
  return snapshot({
    started_at: at,
    hub: { ...snapshot().hub!, first_seen_at: at + 0.2, changed_at: NOW },
    ...fields
  });
}

function output(of: Snapshot): IOutput {
  return { output_type: 'display_data', data: mimeBundle(of, 'h_1'), metadata: {} };
}

beforeEach(() => {
  window.localStorage.clear();
  vi.useFakeTimers({ now: NOW * 1000 });
  operations = new OperationsModel(new HubClock());
  operations.setHubId('h_1');
  hub();
  executions = page();
});

afterEach(() => {
  forgetPages();
  vi.useRealTimers();
});

describe('after a reload', () => {
  function reattach(notebook: Opened): Reattacher {
    const reattacher = new Reattacher(notebook.panel, operations, executions);
    reattacher.look();
    return reattacher;
  }

  it('puts nothing into a plain cell that the server watches', () => {
    const notebook = new Opened();
    hub(began(20, { hub: { ...snapshot().hub!, via: 'server' } }));
    reattach(notebook);
    expect(notebook.shown()).toEqual([]);
  });

  it('puts a running operation back into its cell', () => {
    hub(began(20));
    const notebook = new Opened();
    reattach(notebook);
    expect(notebook.shown()).toEqual(['op_1 running']);
    expect(notebook.shown(1)).toEqual([]);
    expect(notebook.model.dirty).toBe(true);
  });

  it('knows it by the first answer of the hub, when the page was too busy to read the clock in time', () => {
    operations = new OperationsModel(new HubClock());
    operations.clock.read(NOW - 3);
    hub(began(2));
    executions = page();
    const notebook = new Opened();
    reattach(notebook);
    expect(notebook.shown()).toEqual(['op_1 running']);
  });

  it('puts in what was run before the page was loaded and begins after it', () => {
    const before = new Opened();
    before.run();
    vi.advanceTimersByTime(5_000);
    executions = page();
    const notebook = new Opened();
    const reattacher = reattach(notebook);
    vi.advanceTimersByTime(60_000);
    hub(began(-64));
    reattacher.look(['op_1']);
    expect(notebook.shown()).toEqual(['op_1 running']);
  });

  it('does so too where the page before had not reached the hub yet when the cell was run', () => {
    const unheard = new OperationsModel(new HubClock());
    forgetPages();
    executions = page(unheard);
    new Opened().run();
    vi.advanceTimersByTime(5_000);
    executions = page();
    const notebook = new Opened();
    const reattacher = reattach(notebook);
    vi.advanceTimersByTime(60_000);
    hub(began(-64));
    reattacher.look(['op_1']);
    expect(notebook.shown()).toEqual(['op_1 running']);
  });

  it.each([
    ['had ended when the page was loaded', true, false],
    ['is run again by another page after that', false, true]
  ])('waits for no cell whose last run %s', (_, ends, runsAgain) => {
    const before = new Opened();
    before.run();
    if (ends) {
      before.end();
    }
    vi.advanceTimersByTime(5_000);
    executions = page();
    const notebook = new Opened();
    const reattacher = reattach(notebook);
    vi.advanceTimersByTime(60_000);
    if (runsAgain) {
      before.run();
    }
    hub(began(-64));
    reattacher.look(['op_1']);
    expect(notebook.shown()).toEqual([]);
  });

  it('does so once, however often the hub tells of it', () => {
    hub(began(20));
    const notebook = new Opened();
    const reattacher = reattach(notebook);
    hub(began(20, { seq: 2 }));
    reattacher.look(['op_1']);
    notebook.cell().outputs.clear();
    reattacher.look(['op_1']);
    expect(notebook.shown()).toEqual([]);
  });

  it('leaves an output alone that the file still has', () => {
    hub(began(20));
    const notebook = new Opened({ outputs: [output(began(20))] });
    reattach(notebook);
    expect(notebook.shown()).toEqual(['op_1 running']);
  });

  it('puts back several operations of one cell in the order in which they began', () => {
    hub(began(5, { id: 'second' }), began(20, { id: 'first' }));
    const notebook = new Opened();
    reattach(notebook);
    expect(notebook.shown()).toEqual(['first running', 'second running']);
  });

  it('leaves what began later to its own output, which may arrive after the word of the hub', () => {
    const notebook = new Opened();
    const reattacher = reattach(notebook);
    vi.advanceTimersByTime(10_000);
    hub(began(-9));
    reattacher.look(['op_1']);
    expect(notebook.shown()).toEqual([]);
  });

  it('knows an operation that outlived the server, though the new hub saw it first just now', () => {
    const notebook = new Opened();
    const reattacher = reattach(notebook);
    vi.advanceTimersByTime(10_000);
    hub(began(20, { hub: { ...snapshot().hub!, first_seen_at: NOW + 9 } }));
    reattacher.look(['op_1']);
    expect(notebook.shown()).toEqual(['op_1 running']);
  });

  it('knows what the hub told at first, even where a busy page read the clock of the hub late', () => {
    operations = new OperationsModel(new HubClock());
    operations.clock.read(NOW - 30);
    const notebook = new Opened();
    const reattacher = reattach(notebook);
    hub(began(20));
    reattacher.look(['op_1']);
    expect(notebook.shown()).toEqual(['op_1 running']);
  });

  it('shows what ended since the file was saved, and not what ended before', () => {
    const end = { state: 'succeeded', ended_at: NOW } as const;
    hub(began(20, { ...end, id: 'overnight' }));
    const unsaved = new Opened({ savedAt: NOW - 10 });
    reattach(unsaved);
    expect(unsaved.shown()).toEqual(['overnight succeeded']);
    const saved = new Opened({ savedAt: NOW + 10 });
    reattach(saved);
    expect(saved.shown()).toEqual([]);
  });

  it('does not bring back the operation of an earlier run of the cell', () => {
    const first = new Opened();
    hub(began(60, { id: 'earlier', state: 'failed', ended_at: NOW - 30 }));
    vi.setSystemTime((NOW - 20) * 1000);
    first.run();
    vi.setSystemTime(NOW * 1000);
    const silent = new Opened();
    reattach(silent);
    expect(silent.shown()).toEqual([]);
    hub(began(19, { id: 'present' }));
    const reloaded = new Opened();
    reattach(reloaded);
    expect(reloaded.shown()).toEqual(['present running']);
  });

  it('takes the operations of the run before out of a file that is older than the run', () => {
    const earlier = began(60, { id: 'earlier', state: 'succeeded', ended_at: NOW - 30 });
    const before = new Opened();
    vi.setSystemTime((NOW - 20) * 1000);
    before.run();
    vi.setSystemTime(NOW * 1000);
    hub(began(19, { id: 'present' }));
    const plot = { output_type: 'display_data', data: { 'text/plain': 'plot' }, metadata: {} };
    const reloaded = new Opened({ outputs: [output(earlier), plot, output(earlier)] });
    reattach(reloaded);
    const texts = reloaded
      .cell()
      .outputs.toJSON()
      .map(({ data }) => (data as { 'text/plain': string })['text/plain']);
    expect(texts).toEqual(['plot', expect.stringContaining('Customize résumé: 21 %')]);
  });

  it('does not mix with the outputs of a run that this page started', () => {
    const notebook = new Opened();
    const reattacher = reattach(notebook);
    notebook.run();
    hub(began(20));
    reattacher.look(['op_1']);
    expect(notebook.shown()).toEqual([]);
  });

  it("does not touch another kernel's operations, nor those of no cell", () => {
    const { origin } = snapshot();
    hub(
      began(20, { id: 'other', origin: { ...origin, kernel_id: 'kernel-2' } }),
      began(20, { id: 'gone', origin: { ...origin, cell_id: 'cell-9' } }),
      began(20, { id: 'script', origin: { ...origin, cell_id: null } })
    );
    const notebook = new Opened();
    reattach(notebook);
    expect(notebook.shown()).toEqual([]);
  });

  it('leaves a collaborative document to its own synchronisation', () => {
    hub(began(20));
    const notebook = new Opened({ collaborative: true });
    reattach(notebook);
    expect(notebook.shown()).toEqual([]);
  });

  it('writes names as text into the html of the output', () => {
    const { 'text/html': html } = mimeBundle(
      snapshot({ name: '<img src=x onerror="alert(1)">' }),
      null
    );
    expect(html).not.toContain('<img');
    const host = document.createElement('div');
    host.innerHTML = html as string;
    expect(host.textContent).toContain('<img src=x onerror="alert(1)">');
  });
});

describe('the end of an operation', () => {
  const ended = () => began(20, { state: 'succeeded', seq: 9, ended_at: NOW, fraction: 1 });

  function keep(notebook: Opened): EndKeeper {
    const keeper = new EndKeeper(notebook.panel, operations, executions);
    keeper.look();
    return keeper;
  }

  it('is written into the notebook when the kernel did not do it within 2 s', () => {
    const notebook = new Opened({ outputs: [output(began(20))] });
    const keeper = keep(notebook);
    hub(ended());
    keeper.look(new Set(['op_1']));
    vi.advanceTimersByTime(1_900);
    expect(notebook.shown()).toEqual(['op_1 running']);
    vi.advanceTimersByTime(200);
    expect(notebook.shown()).toEqual(['op_1 succeeded']);
    expect(notebook.model.toJSON().cells[0]?.outputs).toEqual(notebook.cell().outputs.toJSON());
  });

  it('is not written over what the kernel wrote', () => {
    const notebook = new Opened({ outputs: [output(began(20))] });
    const keeper = keep(notebook);
    hub(ended());
    keeper.look(new Set(['op_1']));
    const kernels = { ...output(ended()), metadata: { by: 'kernel' } };
    notebook.cell().outputs.set(0, kernels);
    vi.advanceTimersByTime(5_000);
    expect(notebook.cell().outputs.toJSON()).toEqual([kernels]);
  });

  it('is written when it came while nobody had the notebook open', () => {
    hub(ended());
    const notebook = new Opened({ outputs: [output(began(20))] });
    keep(notebook);
    vi.advanceTimersByTime(2_100);
    expect(notebook.shown()).toEqual(['op_1 succeeded']);
  });

  describe('in a collaborative document', () => {
    /** A shared notebook that these clients have open, besides this one and a server without a user. */
    function shared(...clients: number[]): Opened {
      hub(ended());
      const notebook = new Opened({ outputs: [output(began(20))], collaborative: true });
      const { awareness } = notebook.model.sharedModel;
      awareness.states.set(1, {});
      for (const client of [awareness.clientID, ...clients]) {
        awareness.states.set(client, { user: {} });
      }
      return notebook;
    }

    it('is written by the page that ran the cell', () => {
      const notebook = shared(2);
      notebook.run();
      keep(notebook);
      vi.advanceTimersByTime(2_100);
      expect(notebook.shown()).toEqual(['op_1 succeeded']);
    });

    it('is written a little later by the first of all pages, where that one is gone', () => {
      const notebook = shared(Number.MAX_SAFE_INTEGER);
      keep(notebook);
      vi.advanceTimersByTime(3_900);
      expect(notebook.shown()).toEqual(['op_1 running']);
      vi.advanceTimersByTime(2_000);
      expect(notebook.shown()).toEqual(['op_1 succeeded']);
    });

    it('is written by the others only when the first of all pages had its turn', () => {
      const notebook = shared(2);
      keep(notebook);
      vi.advanceTimersByTime(5_900);
      expect(notebook.shown()).toEqual(['op_1 running']);
      vi.advanceTimersByTime(2_000);
      expect(notebook.shown()).toEqual(['op_1 succeeded']);
    });
  });

  it('is stored without what only matters while it runs', () => {
    const bundle = mimeBundle(ended(), 'h_1')[MIME_TYPE] as unknown as OperationBundle;
    expect(bundle).toMatchObject({ version: 1, operation: 'op_1', hub_id: 'h_1' });
    expect(bundle.snapshot.tasks).toEqual([]);
    expect(bundle.snapshot.origin.pid).toBeNull();
    expect(bundle.snapshot.hub).toBeNull();
  });
});
