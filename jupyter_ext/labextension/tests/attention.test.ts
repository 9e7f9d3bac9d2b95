import type { JupyterFrontEnd } from '@jupyterlab/application';
import { NotebookPanel } from '@jupyterlab/notebook';
import { Signal } from '@lumino/signaling';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import type { Permission } from '../src/components';
import { InboxModel } from '../src/model';
import { Attention } from '../src/plugins/attention';
import type { Jumper } from '../src/plugins/jump';
import { PresenceReporter } from '../src/plugins/presence';
import { SeenEnds } from '../src/plugins/seen';
import type { InboxItem, Presence, Read } from '../src/protocol';
import { NOW, snapshot } from './snapshots';

let focused: boolean;
/** What is in front on the screen, whichever point is looked at. */
let inFront: Element | null;

beforeEach(() => {
  focused = true;
  inFront = null;
  vi.spyOn(document, 'hasFocus').mockImplementation(() => focused);
  vi.spyOn(document, 'visibilityState', 'get').mockReturnValue('visible');
  Object.assign(document, { elementFromPoint: () => inFront });
  Object.assign(globalThis, { CSS: { escape: (text: string) => text } });
});

afterEach(() => vi.useRealTimers());

/** An element of some size on the page. */
function drawn(html: string): HTMLElement {
  document.body.innerHTML = html;
  const element = document.body.firstElementChild as HTMLElement;
  vi.spyOn(element, 'getBoundingClientRect').mockReturnValue(new DOMRect(10, 10, 100, 40));
  return element;
}

function panel(cellNode: HTMLElement, path = 'work/demo.ipynb'): NotebookPanel {
  const made = Object.create(NotebookPanel.prototype) as NotebookPanel;
  Object.defineProperties(made, {
    context: { value: { path } },
    content: { value: { widgets: [{ model: { id: 'cell-1' }, node: cellNode }] } }
  });
  return made;
}

function attention(front: unknown, open: NotebookPanel | null): Attention {
  const app = { shell: { currentWidget: front } } as unknown as JupyterFrontEnd;
  return new Attention(app, { panelOf: () => open } as unknown as Jumper);
}

describe('whether the user looks at an operation', () => {
  it('needs its notebook in front and its cell on the screen', () => {
    const cell = drawn('<div></div>');
    const notebook = panel(cell);
    inFront = cell;
    expect(attention(notebook, notebook).isOn(snapshot())).toBe(true);
    expect(attention(null, notebook).isOn(snapshot())).toBe(false);
    inFront = document.body;
    expect(attention(notebook, notebook).isOn(snapshot())).toBe(false);
  });

  it('needs the focus', () => {
    const cell = drawn('<div></div>');
    const notebook = panel(cell);
    inFront = cell;
    focused = false;
    expect(attention(notebook, notebook).isOn(snapshot())).toBe(false);
  });

  it('is so for a script wherever it is drawn', () => {
    inFront = drawn('<div data-operation="op_1"></div>');
    expect(attention(null, null).isOn(snapshot())).toBe(true);
    expect(attention(null, null).isOn(snapshot({ id: 'op_2' }))).toBe(false);
  });

  it('is not so for what is drawn outside the window', () => {
    const element = drawn('<div data-operation="op_1"></div>');
    vi.spyOn(element, 'getBoundingClientRect').mockReturnValue(new DOMRect(10, -90, 100, 40));
    inFront = element;
    expect(attention(null, null).isOn(snapshot())).toBe(false);
  });
});

describe('what the hub is told of the page', () => {
  it('is told at once and whenever it changes, not more often', () => {
    const sent: Presence[] = [];
    const permission = { state: 'default' as Permission, changed: new Signal<object, void>({}) };
    const send = (message: unknown) => sent.push(message as Presence);
    new PresenceReporter({ send }, attention(null, null), permission);
    window.dispatchEvent(new Event('focus'));
    expect(sent).toEqual([
      { type: 'presence', visible: true, focused: true, notebook: null, can_notify: false }
    ]);
    focused = false;
    window.dispatchEvent(new Event('blur'));
    expect(sent.at(-1)).toMatchObject({ visible: true, focused: false });
    permission.state = 'granted';
    permission.changed.emit();
    expect(sent.at(-1)).toMatchObject({ can_notify: true });
    expect(sent).toHaveLength(3);
  });

  it('names the notebook in front', () => {
    const notebook = panel(document.createElement('div'));
    expect(attention(notebook, notebook).presence(false).notebook).toBe('work/demo.ipynb');
  });
});

describe('an end that comes into sight', () => {
  const item = (id: string): InboxItem => ({
    id,
    operation: id,
    state: 'succeeded',
    at: NOW,
    read: false,
    name: id,
    elapsed_s: 1,
    error: null,
    origin: snapshot().origin
  });

  it('is read, now or when the user has scrolled there', () => {
    vi.useFakeTimers();
    const inbox = new InboxModel();
    const sent: Read[] = [];
    const onScreen = new Set(['op_1']);
    const user = { focused: true, isOn: ({ id }: { id: string }) => onScreen.has(id) };
    const send = (message: Read) => {
      sent.push(message);
      inbox.read(message.ids);
    };
    new SeenEnds({ inbox, send }, user);
    inbox.take({ type: 'inbox', unread: 2, items: [item('op_1'), item('op_2')] });
    expect(sent).toEqual([{ type: 'read', ids: ['op_1'] }]);
    onScreen.add('op_2');
    vi.advanceTimersByTime(2_000);
    expect(sent.at(-1)).toEqual({ type: 'read', ids: ['op_2'] });
    expect(vi.getTimerCount()).toBe(0);
  });

  it('waits until the user is back', () => {
    vi.useFakeTimers();
    const inbox = new InboxModel();
    const sent: Read[] = [];
    const user = { focused: false, isOn: () => true };
    new SeenEnds({ inbox, send: message => sent.push(message) }, user);
    inbox.take({ type: 'inbox', unread: 1, items: [item('op_1')] });
    expect([sent, vi.getTimerCount()]).toEqual([[], 0]);
    user.focused = true;
    window.dispatchEvent(new Event('focus'));
    expect(sent).toEqual([{ type: 'read', ids: ['op_1'] }]);
  });
});
