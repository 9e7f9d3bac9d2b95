import type { JupyterFrontEnd } from '@jupyterlab/application';
import { NotebookPanel } from '@jupyterlab/notebook';

import type { Presence, Snapshot } from '../protocol';
import type { Jumper } from './jump';

/** What the user has in front, as far as a page can know. */
export class Attention {
  constructor(
    private readonly _app: JupyterFrontEnd,
    private readonly _jumper: Jumper
  ) {}

  get visible(): boolean {
    return document.visibilityState === 'visible';
  }

  get focused(): boolean {
    return this.visible && document.hasFocus();
  }

  /** The notebook in front; null if it is something else. */
  get notebook(): NotebookPanel | null {
    const widget = this._app.shell.currentWidget;
    return widget instanceof NotebookPanel ? widget : null;
  }

  /** What the hub is told of this page. */
  presence(canNotify: boolean): Presence {
    return {
      type: 'presence',
      visible: this.visible,
      focused: this.focused,
      notebook: this.notebook?.context.path ?? null,
      can_notify: canNotify
    };
  }

  /**
   * Whether the user is looking at an operation: its notebook is in front and its cell, or the operation itself, is on
   * the screen. One that belongs to no open notebook is looked at wherever it is drawn.
   */
  isOn({ id, origin }: Pick<Snapshot, 'id' | 'origin'>): boolean {
    if (!this.focused) {
      return false;
    }
    const panel = this._jumper.panelOf(origin);
    if (panel !== null && panel !== this.notebook) {
      return false;
    }
    const cell = panel?.content.widgets.find(({ model }) => model.id === origin.cell_id);
    const drawn = document.querySelectorAll<HTMLElement>(`[data-operation="${CSS.escape(id)}"]`);
    return [...drawn, ...(cell === undefined ? [] : [cell.node])].some(isOnScreen);
  }
}

/** Whether a part of an element can be seen, with nothing in front of it. */
function isOnScreen(element: HTMLElement): boolean {
  const { left, top, right, bottom } = element.getBoundingClientRect();
  const x = (Math.max(left, 0) + Math.min(right, window.innerWidth)) / 2;
  const [from, to] = [Math.max(top, 0), Math.min(bottom, window.innerHeight)];
  // Of a long cell any part will do: its middle may be hidden behind the edge of the notebook.
  return (
    from < to &&
    [0.5, 0.05, 0.95, 0.25, 0.75].some(share =>
      element.contains(document.elementFromPoint(x, from + (to - from) * share))
    )
  );
}
