import { PageConfig } from '@jupyterlab/coreutils';
import type { JupyterFrontEnd } from '@jupyterlab/application';
import type { INotebookTracker, NotebookPanel } from '@jupyterlab/notebook';
import { CommandRegistry } from '@lumino/commands';
import { beforeEach, describe, expect, it, vi } from 'vitest';

import { contentsPath, Jumper, PANEL_ID } from '../src/plugins/jump';
import type { Origin } from '../src/protocol';
import { snapshot } from './snapshots';

describe('the path of a notebook', () => {
  it.each([
    ['/srv/root/work/a.ipynb', '/srv/root', 'work/a.ipynb'],
    ['/srv/root/a.ipynb', '/srv/root/', 'a.ipynb'],
    ['/elsewhere/a.ipynb', '/srv/root', null],
    ['/srv/rooted/a.ipynb', '/srv/root', null],
    ['work/a.ipynb', '/srv/root', 'work/a.ipynb'],
    ['/home/ann/work/a.ipynb', '~', 'work/a.ipynb'],
    ['/root/work/a.ipynb', '~/work', 'a.ipynb'],
    ['/Users/ann/work/x/work/a.ipynb', '~/work', 'x/work/a.ipynb'],
    ['/home/ann/other/a.ipynb', '~/work', null],
    ['/mnt/people/ann/work/a.ipynb', '~/work', 'a.ipynb'],
    ['/mnt/people/ann/a.ipynb', '~', null],
    ['C:\\Users\\ann\\work\\a.ipynb', '~/work', 'a.ipynb'],
    ['C:\\data\\a.ipynb', 'C:/data', 'a.ipynb'],
    ['', '/srv/root', null]
  ])('%s is below %s: %s', (file, root, expected) => {
    expect(contentsPath(file, root)).toBe(expected);
  });
});

describe('the way to a cell', () => {
  let panels: NotebookPanel[];
  let activated: string[];
  let opened: string[];
  let sessions: unknown[];

  beforeEach(() => {
    PageConfig.setOption('serverRoot', '/srv/root');
    panels = [];
    activated = [];
    opened = [];
    sessions = [];
  });

  /** An open notebook with two cells. */
  function panel(path: string, kernelId: string | null) {
    const cells = ['cell-0', 'cell-1'].map(id => ({ model: { id } }));
    const content = { widgets: cells, activeCellIndex: 0, mode: 'edit', scrollToCell: vi.fn() };
    const made = {
      id: `panel ${path}`,
      context: { path, ready: Promise.resolve() },
      revealed: Promise.resolve(),
      isAttached: true,
      sessionContext: { session: kernelId === null ? null : { kernel: { id: kernelId } } },
      content
    };
    return { made: made as unknown as NotebookPanel, content, cells };
  }

  function jumper(onOpen: () => void = () => undefined): Jumper {
    const commands = new CommandRegistry();
    commands.addCommand('docmanager:open', {
      describedBy: { args: {} },
      execute: ({ path }) => {
        opened.push(path as string);
        onOpen();
      }
    });
    const app = {
      commands,
      shell: { activateById: (id: string) => activated.push(id) },
      serviceManager: { sessions: { running: () => sessions } }
    } as unknown as JupyterFrontEnd;
    const notebooks = { find: panels.find.bind(panels) } as unknown as INotebookTracker;
    return new Jumper(app, notebooks);
  }

  const origin = (fields: Partial<Origin> = {}): Origin => ({
    ...snapshot().origin,
    notebook: '/srv/root/work/demo.ipynb',
    ...fields
  });

  it('leads to the open notebook with its kernel, and selects the cell', async () => {
    const other = panel('work/demo.ipynb', 'kernel-2');
    const { made, content, cells } = panel('work/renamed.ipynb', 'kernel-1');
    panels = [other.made, made];
    await jumper().to(origin());
    expect(activated).toEqual(['panel work/renamed.ipynb']);
    expect(content.activeCellIndex).toBe(1);
    expect(content.mode).toBe('command');
    expect(content.scrollToCell).toHaveBeenCalledWith(cells[1], 'center');
  });

  it('leads to the notebook of that path when its kernel is gone', async () => {
    panels = [panel('work/demo.ipynb', null).made];
    await jumper().to(origin());
    expect(activated).toEqual(['panel work/demo.ipynb']);
    expect(opened).toEqual([]);
  });

  it('opens a closed notebook by the path that its session has now', async () => {
    sessions = [{ type: 'notebook', path: 'new/name.ipynb', kernel: { id: 'kernel-1' } }];
    const { made, content } = panel('new/name.ipynb', 'kernel-1');
    await jumper(() => panels.push(made)).to(origin());
    expect(opened).toEqual(['new/name.ipynb']);
    expect(content.activeCellIndex).toBe(1);
  });

  it('is told to the page of the notebook where that opens in a tab of its own, once', async () => {
    await jumper().to(origin());
    expect(opened).toEqual(['work/demo.ipynb']);
    expect(activated).toEqual([]);
    const other = panel('work/other.ipynb', null);
    const { made, content, cells } = panel('work/demo.ipynb', null);
    // As Jupyter Notebook makes one in the page that opens the other.
    const passing = panel('work/demo.ipynb', null);
    await jumper().arrive(Object.assign(passing.made, { isAttached: false }));
    await jumper().arrive(other.made);
    expect(passing.content.scrollToCell).not.toHaveBeenCalled();
    expect(other.content.scrollToCell).not.toHaveBeenCalled();
    await jumper().arrive(made);
    expect(content.activeCellIndex).toBe(1);
    expect(content.scrollToCell).toHaveBeenCalledWith(cells[1], 'center');
    await jumper().arrive(made);
    expect(content.scrollToCell).toHaveBeenCalledOnce();
  });

  it('is no news a day later, nor where the notebook was found here', async () => {
    const { made, content } = panel('work/demo.ipynb', 'kernel-1');
    await jumper().to(origin());
    vi.useFakeTimers({ now: Date.now() + 86_400_000 });
    await jumper().arrive(made);
    vi.useRealTimers();
    await jumper(() => panels.push(made)).to(origin());
    expect(content.scrollToCell).toHaveBeenCalledOnce();
    await jumper().arrive(made);
    expect(content.scrollToCell).toHaveBeenCalledOnce();
  });

  it('shows the panel for what has no notebook', async () => {
    await jumper().to(origin({ kernel_id: null, notebook: null, script: 'job.py' }));
    await jumper().to(origin({ kernel_id: null, notebook: '/elsewhere/a.ipynb' }));
    expect(activated).toEqual([PANEL_ID, PANEL_ID]);
    expect(opened).toEqual([]);
  });

  it('goes to the notebook when the cell is gone', async () => {
    const { made, content } = panel('work/demo.ipynb', 'kernel-1');
    panels = [made];
    await jumper().to(origin({ cell_id: 'deleted' }));
    expect(activated).toEqual(['panel work/demo.ipynb']);
    expect(content.scrollToCell).not.toHaveBeenCalled();
  });
});
