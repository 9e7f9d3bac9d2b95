import { act, cleanup, fireEvent, render, screen, within } from '@testing-library/react';
import * as React from 'react';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { LineFoot, OperationPanel, Speaker } from '../src/components';
import { english } from '../src/components/words';
import { OperationMemory, OperationsModel, Requests } from '../src/model';
import { NOW, snapshot } from './snapshots';

type Fields = Parameters<typeof snapshot>[0] & { id: string };

/** What the page is given of a frame of the screen. */
let frames: FrameRequestCallback[] = [];

beforeEach(() => {
  // jsdom has no layout: a list of 400 pixels, each of its rows of 50.
  vi.spyOn(Element.prototype, 'clientHeight', 'get').mockReturnValue(400);
  vi.spyOn(HTMLElement.prototype, 'offsetHeight', 'get').mockReturnValue(50);
  HTMLElement.prototype.scrollTo = () => undefined;
  frames = [];
  vi.spyOn(window, 'requestAnimationFrame').mockImplementation(callback => frames.push(callback));
});
afterEach(cleanup);

function open(
  operations: Fields[],
  { visible = true, onHistory = undefined as (() => void) | undefined } = {}
) {
  const model = new OperationsModel();
  model.swap(operations.map(snapshot), []);
  const memory = new OperationMemory();
  const requests = new Requests();
  const dismissed = {
    ids: new Set<string>() as ReadonlySet<string>,
    add(id: string) {
      this.ids = new Set([...this.ids, id]);
    }
  };
  const actions = { ask: vi.fn(), interrupt: vi.fn(), goTo: vi.fn() };
  const list = vi.spyOn(model, 'list');
  const view = render(
    <OperationPanel
      {...{ model, memory, requests, dismissed, actions, onHistory }}
      prior={() => Promise.resolve(null)}
      isVisible={() => visible}
      words={english}
    />
  );
  const shown = () =>
    [...view.container.querySelectorAll<HTMLElement>('[data-operation]')].map(
      element => element.dataset.operation
    );
  return { model, requests, actions, shown, view, list, grid: () => screen.getByRole('treegrid') };
}

/** Let the screen draw its next frame. */
function nextFrame() {
  const due = frames;
  frames = [];
  act(() => due.forEach(callback => callback(0)));
}

describe('the panel', () => {
  it('says what it is for while nothing runs', () => {
    open([]);
    expect(screen.getByText(/^Nothing runs\./)).toBeTruthy();
  });

  it('names each place once, above its operations', () => {
    open([
      { id: 'a', started_at: NOW - 1 },
      { id: 'b', started_at: NOW - 2 },
      {
        id: 'c',
        started_at: NOW - 3,
        origin: { ...snapshot().origin, notebook: null, script: '/jobs/train.py' }
      }
    ]);
    const groups = screen.getAllByRole('button', { name: /demo.ipynb|train.py/ });
    expect(groups.map(group => group.textContent)).toEqual([
      'demo.ipynb2 running',
      'train.py on h1 running'
    ]);
  });

  it('says of each place how many run, are paused and wait', () => {
    const states = ['running', 'running', 'paused', 'pending', 'failed', 'succeeded'] as const;
    open(states.map((state, n) => ({ id: `o${n}`, state, started_at: NOW - n })));
    expect(screen.getByRole('button', { name: /demo.ipynb/ }).textContent).toBe(
      'demo.ipynb2 running · 1 paused · 1 waiting · 1 failed · 6 in all'
    );
  });

  it('is not emptied by a moment in which the page has no layout, as between two themes', () => {
    const observers: ((entries: unknown[]) => void)[] = [];
    vi.stubGlobal(
      'ResizeObserver',
      class {
        constructor(observed: (entries: unknown[]) => void) {
          observers.push(observed);
        }
        observe() {}
        unobserve() {}
        disconnect() {}
      }
    );
    const { shown } = open([{ id: 'a' }, { id: 'b' }]);
    vi.unstubAllGlobals();
    observers.forEach(observed => observed([]));
    const height = vi.spyOn(Element.prototype, 'clientHeight', 'get').mockReturnValue(0);
    nextFrame();
    height.mockReturnValue(400);
    nextFrame();
    expect(shown()).toEqual(['a', 'b']);
  });

  it('searches, filters, and finds the way back', () => {
    const { shown } = open([
      { id: 'a', name: 'Fit' },
      { id: 'b', name: 'Survey', state: 'failed' }
    ]);
    fireEvent.change(screen.getByRole('searchbox'), { target: { value: 'survey' } });
    expect(shown()).toEqual(['b']);
    fireEvent.change(screen.getByRole('searchbox'), { target: { value: '' } });
    const chips = screen.getByRole('group', { name: 'Show only' });
    const failed = within(chips).getByRole('button', { name: 'Failed 1' });
    fireEvent.click(failed);
    expect(failed.getAttribute('aria-pressed')).toBe('true');
    expect(shown()).toEqual(['b']);
    fireEvent.change(screen.getByRole('searchbox'), { target: { value: 'fit' } });
    expect(screen.getByText('No operation matches.')).toBeTruthy();
    fireEvent.click(screen.getByRole('button', { name: 'show all' }));
    expect(shown().sort()).toEqual(['a', 'b']);
  });

  it('keeps a thousand operations out of the page, but for those on the screen', () => {
    const { shown, grid } = open(
      Array.from({ length: 1_000 }, (_, n) => ({ id: `o${n}`, started_at: NOW - n }))
    );
    expect(grid().getAttribute('aria-rowcount')).toBe('1001');
    expect(shown().length).toBeGreaterThan(3);
    expect(shown().length).toBeLessThan(30);
  });

  it('draws at most once in a frame, and sorts nothing for a count', () => {
    const { model, view, list } = open([{ id: 'a' }, { id: 'b' }]);
    list.mockClear();
    for (let done = 0; done < 50; done++) {
      act(() =>
        model.swap([snapshot({ id: 'a', seq: done + 2, fraction: 0.5, message: `${done}` })], [])
      );
    }
    expect(frames).toHaveLength(1);
    expect(view.container.textContent).not.toContain('50 %');
    nextFrame();
    expect(view.container.textContent).toContain('50 %');
    expect(list).not.toHaveBeenCalled();
  });

  it('costs nothing while it is hidden', () => {
    const { model } = open([{ id: 'a' }], { visible: false });
    act(() => model.swap([snapshot({ id: 'a', seq: 2 })], []));
    expect(frames).toHaveLength(0);
  });

  it('puts ended operations away', () => {
    const { shown } = open([{ id: 'a' }, { id: 'b', name: 'Old', state: 'succeeded' }]);
    fireEvent.click(screen.getByRole('button', { name: 'Dismiss Old' }));
    expect(shown()).toEqual(['a']);
  });

  it('says what was asked of an operation', () => {
    const { requests, view } = open([{ id: 'a' }]);
    act(() => void requests.ask('a', 'cancel', new Promise(() => undefined)));
    nextFrame();
    expect(view.container.textContent).toContain('cancelling…');
  });

  it('opens the history where there is one', () => {
    const onHistory = vi.fn();
    open([], { onHistory });
    fireEvent.click(screen.getByRole('button', { name: 'history' }));
    expect(onHistory).toHaveBeenCalledOnce();
    cleanup();
    open([]);
    expect(screen.queryByRole('button', { name: 'history' })).toBeNull();
  });
});

describe('the keyboard in the panel', () => {
  const family: Fields[] = [
    { id: 'a', name: 'Fit', started_at: NOW - 1 },
    { id: 'b', name: 'Old', state: 'failed', started_at: NOW - 2 }
  ];
  const focused = () => (document.activeElement as HTMLElement | null)?.dataset.key;
  const press = (...keys: string[]) =>
    keys.forEach(key => fireEvent.keyDown(document.activeElement!, { key }));

  it('goes through the rows with the arrows, and opens and closes them', () => {
    const { grid } = open(family);
    act(() => within(grid()).getAllByRole('row')[0]!.focus());
    press('ArrowDown');
    expect(focused()).toBe('a');
    press('ArrowRight');
    expect(document.activeElement!.getAttribute('aria-expanded')).toBe('true');
    press('ArrowLeft');
    expect(document.activeElement!.getAttribute('aria-expanded')).toBe('false');
    press('Enter');
    expect(document.activeElement!.getAttribute('aria-expanded')).toBe('true');
    press('End');
    expect(focused()).toBe('b');
    press('ArrowLeft', ' ');
    expect(focused()).toBe('notebook work/demo.ipynb');
    expect(within(grid()).getAllByRole('row')).toHaveLength(1);
  });

  it('reaches the buttons of the row that it is at, and of no other', () => {
    const { grid } = open(family);
    act(() => within(grid()).getAllByRole('row')[1]!.focus());
    const reachable = within(grid())
      .getAllByRole('button')
      .filter(button => button.tabIndex === 0);
    expect(
      new Set(reachable.map(button => button.closest<HTMLElement>('[data-key]')?.dataset.key))
    ).toEqual(new Set(['a']));
  });

  it('goes on at the next row when one was put away', () => {
    const { grid } = open(family);
    act(() => within(grid()).getAllByRole('row')[2]!.focus());
    press('Delete');
    expect(focused()).toBe('a');
    press('Delete');
    expect(focused()).toBe('a');
  });
});

describe('what is heard', () => {
  const spoken = () => screen.getByRole('status').textContent;

  it('is that operations begin and end, once, and nothing of what lies between', () => {
    vi.useFakeTimers();
    const model = new OperationsModel();
    model.swap([snapshot({ id: 'old', name: 'Old' })], []);
    render(<Speaker model={model} words={english} />);
    const say = (...operations: Fields[]) => {
      act(() => model.swap(operations.map(snapshot), []));
      act(() => void vi.advanceTimersByTime(1_000));
      return spoken();
    };
    expect(say({ id: 'old', name: 'Old', seq: 2 })).toBe('');
    expect(say({ id: 'a', name: 'Fit' })).toBe('Fit started.');
    expect(say({ id: 'a', name: 'Fit', seq: 2, fraction: 0.9 })).toBe('Fit started.');
    const end = { state: 'succeeded' as const, elapsed_s: 103 };
    expect(say({ id: 'a', name: 'Fit', seq: 3, ...end })).toBe('Fit finished in 1 min 43 s.');
    expect(say(...['b', 'c', 'd', 'e'].map(id => ({ id })))).toBe('4 operations started.');
    vi.useRealTimers();
  });
});

describe('the line', () => {
  it.each([
    [{ state: 'live', downSince: null, reason: null }, 'live'],
    [{ state: 'connecting', downSince: 1, reason: null }, 'connecting…'],
    [
      { state: 'polling', downSince: null, reason: 'blocked' },
      'polling every 2 s: the WebSocket is blockedwhy?'
    ],
    [
      { state: 'offline', downSince: 1, reason: 'network' },
      'offline: the server cannot be reached; trying againwhy?'
    ],
    [
      { state: 'offline', downSince: 1, reason: 'missing' },
      'offline: this server does not have the extension progress_kit_jupyter'
    ],
    [
      { state: 'refused', downSince: 1, reason: 'version' },
      'offline: server and page have different versions; reload the page'
    ]
  ] as const)('says how it is: %o', (line, words) => {
    const { container } = render(<LineFoot line={line} words={english} />);
    expect(container.textContent).toBe(words);
  });

  it('says why on request', () => {
    render(
      <LineFoot line={{ state: 'polling', downSince: null, reason: 'blocked' }} words={english} />
    );
    fireEvent.click(screen.getByRole('button', { name: 'why?' }));
    expect(screen.getByText(/a proxy or a firewall/)).toBeTruthy();
  });
});
