import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';

import type { Snapshot } from '../src/protocol';
import type * as Widget from '../src/widget';
import type { ICommand, IModel, ITold } from '../src/widget/host';
import { NOW, snapshot, stage } from './snapshots';

/** What pages import: the built module, so that what was left out of it to make it small is missing here too. */
let widget: typeof Widget;
/** The module that each widget brings with it, which takes the other from the kernel. */
let stub: {
  initialize(context: object): Promise<unknown>;
  render(context: object): Promise<unknown>;
};
const directory = mkdtempSync(join(tmpdir(), 'widget-'));

beforeAll(async () => {
  Object.assign(globalThis, { CSSStyleSheet: Sheet }); // jsdom cannot make one
  execFileSync(process.execPath, ['scripts/widget.mjs', directory]);
  widget = (await load(join(directory, 'widget.js'))) as typeof Widget;
  stub = ((await load('../../progress_kit/display/stub.js')) as { default: typeof stub }).default;
});

/** Import a module by its content, as pages do. */
async function load(file: string): Promise<unknown> {
  const source = readFileSync(file).toString('base64');
  return (await import(`data:text/javascript;base64,${source}`)) as unknown;
}

afterAll(() => rmSync(directory, { recursive: true }));

beforeEach(() => {
  vi.useFakeTimers({ now: NOW * 1000 });
  vi.stubGlobal('IntersectionObserver', Sight);
  vi.spyOn(document, 'hasFocus').mockImplementation(() => focused);
  focused = true;
  Sight.all = [];
  notified.length = 0;
  FakeNotification.permission = 'default';
  vi.stubGlobal('Notification', FakeNotification);
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

let focused = true;
const notified: string[] = [];

class Sheet {
  replaceSync() {}
}

class FakeNotification {
  static permission = 'default';
  static requestPermission() {
    FakeNotification.permission = 'granted';
    return Promise.resolve('granted');
  }
  constructor(readonly title: string) {
    notified.push(title);
  }
}

/** Says which elements are on the screen when the test wants it. */
class Sight {
  static all: Sight[] = [];
  constructor(private readonly seen: (entries: { isIntersecting: boolean }[]) => void) {
    Sight.all.push(this);
  }
  observe() {}
  disconnect() {}
  static put(isIntersecting: boolean) {
    Sight.all.forEach(each => each.seen([{ isIntersecting }]));
  }
}

/** The kernel's side of a widget. */
class Kernel implements IModel {
  constructor(fields: Partial<Snapshot> = {}) {
    this.told = { snapshot: snapshot({ id: `op_${++count}`, hub: null, ...fields }), now: NOW };
  }

  told: ITold;
  readonly asked: ICommand[] = [];

  get(): ITold {
    return this.told;
  }

  on(event: string, listener: (content: unknown) => void): void {
    this.listeners.push([event, listener]);
  }

  off(event: string, listener: (content: unknown) => void): void {
    this.listeners = this.listeners.filter(([on, each]) => on !== event || each !== listener);
  }

  send(content: ICommand): void {
    this.asked.push(content);
  }

  emit(event: string, content?: unknown): void {
    this.listeners.forEach(([on, listener]) => on === event && listener(content));
  }

  tell(fields: Partial<Snapshot>): void {
    this.told = { snapshot: { ...this.told.snapshot, ...fields }, now: Date.now() / 1000 };
    this.emit('change:_told');
  }

  listeners: [string, (content: unknown) => void][] = [];
}

let count = 0;

/** Let what was changed be drawn. */
async function drawn() {
  await vi.advanceTimersByTimeAsync(50);
}

function show(kernel: Kernel) {
  const el = document.createElement('div');
  document.body.append(el);
  const stop = widget.initialize({ model: kernel });
  const takeAway = widget.render({ model: kernel, el });
  const root = el.firstElementChild!.shadowRoot!;
  return {
    el,
    root,
    text: () => root.textContent,
    button: (name: string) =>
      [...root.querySelectorAll('button')].find(
        each => (each.getAttribute('aria-label') ?? each.textContent) === name
      ),
    takeAway: () => {
      takeAway();
      stop();
    }
  };
}

function toasts(): Element[] {
  return [...document.body.children]
    .flatMap(each => [...(each.shadowRoot?.querySelectorAll('.pk-toast') ?? [])])
    .filter(each => each.isConnected);
}

const ENDED = { state: 'succeeded', fraction: 1, stage: null, elapsed_s: 60 } as const;

describe('the bar', () => {
  it('is drawn as in JupyterLab, and follows what the kernel tells', async () => {
    const kernel = new Kernel({
      estimate: { p10_s: 30, p50_s: 40, p90_s: 55, basis: [], slowdown: 3.2, why: '' }
    });
    const { root, text, takeAway } = show(kernel);
    for (const part of [
      'Customize résumé',
      'about 40 s left',
      '(30–55 s)',
      '3.2× slower than usual',
      '43 / 100'
    ]) {
      expect(text()).toContain(part);
    }
    kernel.tell({
      fraction: 0.5,
      stages: [stage({ name: 'analysis', state: 'running', done: 50, total: 100 })]
    });
    await drawn();
    const bar = root.querySelector('[role="progressbar"]')!;
    expect(bar.getAttribute('aria-valuenow')).toBe('50');
    expect(bar.querySelector<HTMLElement>('.pk-segment i')!.style.width).toBe('50%');
    takeAway();
  });

  it('opens its details', async () => {
    const kernel = new Kernel({ message: 'all of them' });
    const { root, button, takeAway } = show(kernel);
    button('Details of Customize résumé')!.click();
    await drawn();
    expect(root.querySelector('.pk-details')!.textContent).toContain('started');
    takeAway();
  });

  it('counts on by the kernel’s clock, whatever the browser’s clock says', async () => {
    const kernel = new Kernel({ elapsed_s: 20 });
    kernel.told = { ...kernel.told, now: NOW - 3600 };
    const { text, takeAway } = show(kernel);
    await vi.advanceTimersByTimeAsync(5_200);
    expect(text()).toContain('25 s');
    takeAway();
  });

  it('is marked when nothing was counted for long', async () => {
    const kernel = new Kernel();
    const { text, takeAway } = show(kernel);
    await vi.advanceTimersByTimeAsync(15_000);
    expect(text()).toMatch(/stalled|no progress/);
    takeAway();
  });

  it('says that it is lost when its kernel goes', async () => {
    const kernel = new Kernel();
    const { text, takeAway } = show(kernel);
    kernel.emit('comm_live_update');
    await drawn();
    expect(text()).toContain('nobody saw it end');
    takeAway();
  });

  it('leaves nothing behind when it is taken away', () => {
    const kernel = new Kernel();
    const { el, takeAway } = show(kernel);
    takeAway();
    expect(kernel.listeners).toEqual([]);
    expect(el.childElementCount).toBe(0);
  });

  it('shows names as they are, never as markup', () => {
    const { root, takeAway } = show(new Kernel({ name: '<img src=x onerror=alert(1)>' }));
    expect(root.querySelector('img')).toBeNull();
    takeAway();
  });
});

describe('its buttons', () => {
  it('ask the kernel, and say what became of it', async () => {
    const kernel = new Kernel({ actions: ['cancel', 'pause'] });
    const { text, button, takeAway } = show(kernel);
    button('Pause Customize résumé')!.click();
    await drawn();
    expect(kernel.asked).toMatchObject([{ type: 'command', action: 'pause' }]);
    expect(text()).toContain('pausing…');
    expect(button('Cancel Customize résumé')).toBeUndefined();
    kernel.emit('msg:custom', {
      type: 'command_result',
      request: kernel.asked[0]!.request,
      error: null
    });
    kernel.tell({ state: 'paused', actions: ['cancel', 'resume'] });
    await drawn();
    expect(text()).not.toContain('pausing…');
    button('Resume Customize résumé')!.click();
    await drawn();
    kernel.emit('msg:custom', {
      type: 'command_result',
      request: kernel.asked[1]!.request,
      error: 'it is late'
    });
    await drawn();
    expect(text()).toContain('not resumed: it is late');
    expect(button('Cancel Customize résumé')).toBeDefined();
    takeAway();
  });

  it('say what helps where a busy kernel does not hear them', async () => {
    const kernel = new Kernel({ actions: ['cancel'] });
    const { text, button, takeAway } = show(kernel);
    button('Cancel Customize résumé')!.click();
    await vi.advanceTimersByTimeAsync(4_900);
    expect(text()).toContain('cancelling…');
    await vi.advanceTimersByTimeAsync(200);
    expect(text()).toContain('interrupt it instead');
    takeAway();
  });

  it('are not there where nothing can be asked for', () => {
    const { button, takeAway } = show(new Kernel({ actions: [] }));
    expect(button('Cancel Customize résumé')).toBeUndefined();
    takeAway();
  });
});

describe('the end', () => {
  it('is told by a toast that goes away, once for all widgets of the operation', async () => {
    const kernel = new Kernel();
    const [one, two] = [show(kernel), show(kernel)];
    kernel.tell(ENDED);
    kernel.tell({ ...ENDED, seq: 9 });
    expect(toasts()).toEqual([]);
    await vi.advanceTimersByTimeAsync(2_000);
    expect(toasts().map(each => each.textContent)).toEqual([
      'Customize résumé finished in 1 min 00 sdemo.ipynb'
    ]);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(toasts()).toEqual([]);
    one.takeAway();
    two.takeAway();
  });

  it('is told together with others that come within two seconds, and stays if one failed', async () => {
    const [first, second] = [new Kernel(), new Kernel({ name: 'Fit' })];
    const shown = [show(first), show(second)];
    first.tell(ENDED);
    await vi.advanceTimersByTimeAsync(1_000);
    second.tell({ ...ENDED, state: 'failed', error: { type: 'ValueError', message: 'no' } });
    await vi.advanceTimersByTimeAsync(60_000);
    const [toast] = toasts();
    expect(toast!.textContent).toContain('2 operations ended, 1 failed');
    toast!.querySelector<HTMLElement>('button[aria-label="Close"]')!.click();
    await drawn();
    expect(toasts()).toEqual([]);
    shown.forEach(each => each.takeAway());
  });

  it.each([
    ['took less than 30 s', { elapsed_s: 20 }],
    ['was not to be told', { notify: { when: 'never', after_s: null } }]
  ] as const)('is not told of what %s', async (_, fields) => {
    const kernel = new Kernel(fields);
    const { takeAway } = show(kernel);
    kernel.tell({ ...ENDED, ...fields });
    await vi.advanceTimersByTimeAsync(3_000);
    expect(toasts()).toEqual([]);
    takeAway();
  });

  it('is not told of what the user looks at, nor of what ended before the page was loaded', async () => {
    const kernel = new Kernel();
    const looked = show(kernel);
    Sight.put(true);
    kernel.tell(ENDED);
    const past = new Kernel(ENDED);
    const old = show(past);
    past.tell({ ...ENDED, seq: 9 });
    await vi.advanceTimersByTimeAsync(3_000);
    expect(toasts()).toEqual([]);
    looked.takeAway();
    old.takeAway();
  });

  it('is told although the output was replaced by then', async () => {
    const kernel = new Kernel();
    const { takeAway, el } = show(kernel);
    kernel.tell(ENDED);
    takeAway();
    el.remove();
    await vi.advanceTimersByTimeAsync(2_000);
    expect(toasts()).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(10_000);
  });

  it('is told by the browser after a click has allowed it, while the user is elsewhere', async () => {
    const kernel = new Kernel({ elapsed_s: 1 });
    const { button, takeAway } = show(kernel);
    button('Notify me when Customize résumé ends')!.click();
    await drawn();
    expect(button('Notify me when Customize résumé ends')).toBeUndefined();
    Sight.put(true);
    focused = false;
    kernel.tell({ ...ENDED, elapsed_s: 2 });
    await vi.advanceTimersByTimeAsync(2_000);
    expect(notified).toEqual(['Customize résumé finished in 2.0 s']);
    expect(toasts()).toEqual([]);
    takeAway();
  });

  it('waits in a toast for the user who forbade notifications and is elsewhere', async () => {
    FakeNotification.permission = 'denied';
    const kernel = new Kernel();
    const { button, takeAway } = show(kernel);
    expect(button('Notify me when Customize résumé ends')).toBeUndefined();
    focused = false;
    kernel.tell(ENDED);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(toasts()).toHaveLength(1);
    focused = true;
    window.dispatchEvent(new Event('focus'));
    await vi.advanceTimersByTimeAsync(10_000);
    expect(toasts()).toEqual([]);
    takeAway();
  });
});

describe('the style', () => {
  it('asks for no colour of JupyterLab alone', () => {
    const style = readFileSync(join(directory, 'widget.css'), 'utf8');
    const asked = [...style.matchAll(/var\(\s*--jp-[\w-]+(.)/g)].map(([, after]) => after);
    expect(asked.length).toBeGreaterThan(10);
    expect(asked.filter(after => after !== ',')).toEqual([]);
    expect(style).toContain('--vscode-editor-background');
  });
});

describe('what each widget sends', () => {
  const text = { get: (name: string) => (name === '_told' ? { html: '<b>Copy</b> 43 %' } : 'x') };

  it('takes the component from the runtime of its kernel, once for each version', async () => {
    vi.useRealTimers();
    const source = `export const start = style => globalThis.started.push(style);
      export const initialize = () => undefined;
      export const render = ({ el }) => { el.textContent = 'drawn'; };`;
    const started: string[] = [];
    vi.stubGlobal('started', started);
    const revokeObjectURL = vi.fn();
    const createObjectURL = () => `data:text/javascript,${encodeURIComponent(source)}`;
    vi.stubGlobal('URL', { createObjectURL, revokeObjectURL });
    const runtime = { get: (name: string) => name };
    const model = {
      ...text,
      get: (name: string) => (name === '_version' ? 'v1' : text.get(name)),
      widget_manager: { get_model: () => Promise.resolve(runtime) },
      on: () => undefined
    };
    const [one, two] = [document.createElement('div'), document.createElement('div')];
    await stub.initialize({ model });
    await stub.render({ model, el: one });
    await stub.render({ model, el: two });
    expect([one.textContent, two.textContent]).toEqual(['drawn', 'drawn']);
    expect(started).toEqual(['style']);
    expect(revokeObjectURL).toHaveBeenCalledOnce();
  });

  it('shows the kernel’s text where the component cannot be had', async () => {
    vi.useRealTimers();
    vi.spyOn(console, 'warn').mockReturnValue();
    const listeners: (() => void)[] = [];
    const model = {
      ...text,
      widget_manager: { get_model: () => Promise.reject(new Error('no such model')) },
      on: (_: string, listener: () => void) => listeners.push(listener),
      off: () => undefined
    };
    const el = document.createElement('div');
    await stub.render({ model, el });
    expect(el.innerHTML).toBe('<b>Copy</b> 43 %');
    expect(listeners).toHaveLength(1);
  });
});
