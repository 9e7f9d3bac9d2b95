import { act, cleanup, fireEvent, render, screen, within } from '@testing-library/react';
import axe from 'axe-core';
import * as React from 'react';
import type UPlot from 'uplot';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import {
  HistoryView,
  type IHistoryProps,
  type ILook,
  type IRunDetails
} from '../src/components/history';
import { Gantt } from '../src/components/history/gantt';
import { kindName, kindNames, markText, spreadText } from '../src/components/history/texts';
import { english } from '../src/components/words';
import { type ISpan, predictionsOf, RunList, sharesOf } from '../src/model';
import type { Snapshot } from '../src/protocol';
import { NOW, snapshot, stage } from './snapshots';

/** What uPlot was asked to draw; a canvas is nothing that jsdom has. */
const { charts } = vi.hoisted(() => ({
  charts: [] as { options: UPlot.Options; data: unknown; drawn: number; gone: boolean }[]
}));
vi.mock('uplot', () => ({
  default: class {
    constructor(
      readonly options: UPlot.Options,
      public data: unknown
    ) {
      charts.push(this);
    }
    drawn = 1;
    setData() {
      this.drawn++;
    }
    gone = false;
    over = document.createElement('div');
    destroy() {
      this.gone = true;
    }
  }
}));

beforeEach(() => {
  charts.length = 0;
  // The height of the table's window, in which jsdom lays nothing out.
  vi.spyOn(HTMLElement.prototype, 'offsetHeight', 'get').mockReturnValue(280);
  vi.spyOn(HTMLElement.prototype, 'offsetWidth', 'get').mockReturnValue(800);
  vi.spyOn(HTMLElement.prototype, 'clientHeight', 'get').mockReturnValue(280);
});
afterEach(cleanup);

function ended(number: number, fields: Partial<Snapshot> = {}): Snapshot {
  return snapshot({
    id: `op_${number}`,
    name: `run ${number}`,
    kind: 'k',
    state: 'succeeded',
    started_at: NOW - 1_000 + number,
    elapsed_s: 10 + number,
    ...fields
  });
}

const DETAILS: IRunDetails = {
  snapshot: ended(0, {
    elapsed_s: 10,
    stages: [
      stage({ name: 'load', state: 'succeeded', started_s: 0, elapsed_s: 2.5 }),
      stage({ name: 'fit', state: 'succeeded', started_s: 2.5, elapsed_s: 7.5 }),
      stage({ name: 'never', state: 'skipped' })
    ]
  }),
  spans: [],
  predictions: [],
  usualStages: new Map([['fit', 5]])
};

/** The history of a server with these runs, as a tab keeps it. */
function show(snapshots: Snapshot[], props: Partial<IHistoryProps> = {}) {
  const list = new RunList();
  list.add(snapshots);
  const calls = {
    onWant: vi.fn(),
    onReload: vi.fn(),
    onDelete: vi.fn(() => Promise.resolve(null)),
    onDeleteKind: vi.fn(() => Promise.resolve(null)),
    onExport: vi.fn(() => Promise.resolve<string | null>(null)),
    onOpen: vi.fn(),
    load: vi.fn(() => Promise.resolve(DETAILS))
  };
  function Tab(): React.JSX.Element {
    const [look, setLook] = React.useState<ILook>({ kind: null, run: null });
    return (
      <HistoryView
        runs={list.runs}
        usual={list.usual}
        kinds={list.kinds}
        live={() => []}
        reading={{ busy: false, complete: true, error: null }}
        clock={{ now: () => NOW }}
        theme="light"
        look={look}
        onLook={setLook}
        words={english}
        {...calls}
        {...props}
      />
    );
  }
  const { container } = render(<Tab />);
  return { container, ...calls };
}

const names = () =>
  screen
    .queryAllByRole('row')
    .slice(1)
    .map(row => within(row).getAllByRole('gridcell')[0]!.textContent);
const press = (name: string | RegExp) => fireEvent.click(screen.getByRole('button', { name }));
const foot = () => screen.getByRole('status').textContent;

/** Open a run, and wait until all of it is there. */
async function open(name: string) {
  await act(async () => {
    fireEvent.click(screen.getByText(name));
    await Promise.resolve();
  });
  return screen.getByRole('region', { name: `Run: ${name}` });
}

describe('the table', () => {
  it('has the newest run first, each with place, time, comparison and outcome', () => {
    const error = { type: 'ValueError', message: 'NaN' };
    show([0, 1, 2, 3].map(n => ended(n)).concat(ended(4, { state: 'failed', error })));
    expect(names()).toEqual(['run 4', 'run 3', 'run 2', 'run 1', 'run 0']);
    const cells = (row: number) =>
      within(screen.getAllByRole('row')[row]!)
        .getAllByRole('gridcell')
        .map(({ textContent }) => textContent);
    expect(cells(1).slice(3)).toEqual(['14 s', '–', 'failed']);
    expect([cells(2)[1], ...cells(2).slice(3)]).toEqual([
      'demo.ipynb',
      '13 s',
      '1.1× usual',
      'succeeded'
    ]);
  });

  it('is sorted by its headings, a second time the other way round', () => {
    show([2, 0, 1].map(n => ended(n)));
    press('duration');
    expect(names()).toEqual(['run 2', 'run 1', 'run 0']);
    press('duration');
    expect(names()).toEqual(['run 0', 'run 1', 'run 2']);
    const heading = screen.getByRole('columnheader', { name: 'duration' });
    expect(heading.getAttribute('aria-sort')).toBe('ascending');
  });

  it('asks for everything before it sorts or searches, and for the next page when its end is near', () => {
    const { onWant } = show([ended(0)], {
      reading: { busy: false, complete: false, error: null }
    });
    expect(onWant.mock.calls).toEqual([['more']]);
    press('name');
    expect(onWant).toHaveBeenLastCalledWith('all');
    expect(foot()).toBe('1 run · older ones come when you scroll');
  });

  it('narrows down by words, outcome and kind', () => {
    const { onWant } = show([ended(0), ended(1, { state: 'cancelled' }), ended(2, { kind: 'j' })]);
    fireEvent.change(screen.getByRole('searchbox'), { target: { value: 'RUN 1' } });
    expect(names()).toEqual(['run 1']);
    fireEvent.change(screen.getByRole('searchbox'), { target: { value: '' } });
    press('cancelled 1');
    expect([names(), foot()]).toEqual([['run 1'], '1 of 3 runs']);
    press('all');
    fireEvent.change(screen.getByRole('combobox'), { target: { value: 'j' } });
    expect(names()).toEqual(['run 2']);
    expect(onWant).toHaveBeenLastCalledWith({ kind: 'j' });
  });

  it('holds only the rows in view of very many', () => {
    show(Array.from({ length: 10_000 }, (_, n) => ended(n)));
    expect(foot()).toBe('10,000 runs');
    expect(screen.getByRole('grid').getAttribute('aria-rowcount')).toBe('10001');
    expect(names().length).toBeLessThan(50);
  });

  it('takes names for text, whatever is in them', () => {
    const { container } = show([ended(0, { name: '<img src=x onerror=alert(1)>' })]);
    expect(names()).toEqual(['<img src=x onerror=alert(1)>']);
    expect(container.querySelector('img')).toBeNull();
  });

  it('says that there is nothing yet, that nothing matches, or what went wrong', () => {
    show([]);
    expect(screen.getByText(/No run has ended yet/)).toBeTruthy();
    cleanup();
    show([ended(0)]);
    fireEvent.change(screen.getByRole('searchbox'), { target: { value: 'nowhere' } });
    expect(screen.getByText('No run matches.')).toBeTruthy();
    cleanup();
    const { onReload } = show([], { reading: { busy: false, complete: false, error: 'HTTP 503' } });
    expect(screen.getByRole('alert').textContent).toContain('could not be read: HTTP 503');
    press('try again');
    expect(onReload).toHaveBeenCalledOnce();
  });
});

describe('keys', () => {
  it('walk from row to row, and open one', () => {
    show([0, 1, 2].map(n => ended(n)));
    const focused = () => document.activeElement?.querySelector('[role=gridcell]')?.textContent;
    const type = (key: string) => fireEvent.keyDown(document.activeElement!, { key });
    screen.getAllByRole('row')[1]!.focus();
    type('ArrowDown');
    expect(focused()).toBe('run 1');
    type('End');
    expect(focused()).toBe('run 0');
    type('ArrowDown');
    expect(focused()).toBe('run 0');
    type('Home');
    expect(focused()).toBe('run 2');
    type('Enter');
    expect(screen.getByRole('region', { name: 'Run: run 2' })).toBeTruthy();
  });

  it('lead back to the row of the run that Escape closes', async () => {
    show([0, 1].map(n => ended(n)));
    screen.getAllByRole('row')[2]!.focus();
    const run = await open('run 0');
    expect(document.activeElement).toBe(run);
    fireEvent.keyDown(run, { key: 'Escape' });
    expect(screen.queryByRole('region')).toBeNull();
    expect(document.activeElement?.textContent).toContain('run 0');
  });
});

describe('export', () => {
  it('gets the filter, and says what went wrong', async () => {
    const onExport = vi.fn(() => Promise.resolve<string | null>('HTTP 503'));
    show([ended(0)], { onExport });
    press('succeeded 1');
    await act(async () => {
      press('Export as CSV');
      await Promise.resolve();
    });
    expect(onExport).toHaveBeenCalledWith('csv', { text: '', kind: null, outcome: 'succeeded' });
    expect(screen.getByRole('alert').textContent).toBe('not exported: HTTP 503');
  });
});

describe('a kind', () => {
  const choose = () => fireEvent.change(screen.getByRole('combobox'), { target: { value: 'k' } });

  it('is plotted in the order of time, and said in words', async () => {
    show([2, 0, 1].map(n => ended(n)).concat(ended(3, { state: 'failed' })));
    await act(async () => {
      choose();
      await vi.dynamicImportSettled();
    });
    expect(charts.map(({ data }) => data)).toEqual([
      [
        [0, 1, 2, 3],
        [10, 11, 12, 13]
      ]
    ]);
    const name = screen.getByRole('img').getAttribute('aria-label');
    expect(name).toMatch(
      /^4 runs, median 11 s, 8 of 10 take 10–11 s, 1 failed, the longest took 12 s/
    );
    cleanup();
    expect(charts.map(({ gone }) => gone)).toEqual([true]);
  });

  it('shows what runs now beside what has ended', async () => {
    const open = snapshot({
      id: 'op_9',
      kind: 'k',
      estimate: { ...snapshot().estimate!, p50_s: 9 }
    });
    const live = vi.fn((kind: string) => (kind === 'k' ? [open, { ...open, estimate: null }] : []));
    show(
      [0, 1, 2].map(n => ended(n)),
      { live }
    );
    await act(async () => {
      choose();
      await vi.dynamicImportSettled();
    });
    expect(charts.at(-1)!.data).toEqual([
      [0, 1, 2, 3, 4],
      [10, 11, 12, null, null]
    ]);
    expect(screen.getByRole('img').getAttribute('aria-label')).toMatch(/^3 runs, 2 running, /);
    expect(screen.getByText('running')).toBeTruthy();
    const { elapsed_s } = open;
    const range = charts.at(-1)!.options.scales!['y']!.range as (...args: unknown[]) => number[];
    expect(range(null, 0, 12)[1]).toBeCloseTo(1.1 * (elapsed_s! + 9));
  });

  it('is deleted whole, when asked twice', () => {
    const { onDeleteKind } = show([ended(0)]);
    choose();
    press('delete all…');
    expect(onDeleteKind).not.toHaveBeenCalled();
    press('delete');
    expect(onDeleteKind).toHaveBeenCalledWith('k');
  });
});

describe('one run', () => {
  it('says whether it was normal, and where the time went', async () => {
    show([0, 1, 2].map(n => ended(n)).concat(ended(20)));
    const run = await open('run 20');
    expect(run.textContent).toContain(
      'Slower than usual: 2.6 times the median. 8 of 10 runs take 10–24 s, the median is 11 s (4 runs).'
    );
    const rows = within(run)
      .getAllByRole('row')
      .map(row => [...row.children].map(({ textContent }) => textContent));
    expect(rows).toEqual([
      ['stage', 'time', 'share', 'compared'],
      ['load', '2.5 s', '25 %', '–'],
      ['fit', '7.5 s', '75 %', '1.5× usual']
    ]);
  });

  it('is of a kind that is called as people call it, unless another one is called so too', () => {
    expect(kindName('Survey@/home/me/job.py:main')).toBe('Survey (job.py:main)');
    expect(kindName('Fit@deep/models.ipynb')).toBe('Fit (models.ipynb)');
    expect(kindName('Fit @ home@C:\\jobs\\fit.py')).toBe('Fit @ home (fit.py)');
    expect(kindName('train-v2')).toBe('train-v2');
    const kinds = ['Fit@a/models.ipynb', 'Fit@b/models.ipynb', 'Fit@c.ipynb'];
    expect([...kindNames(kinds).values()]).toEqual([...kinds.slice(0, 2), 'Fit (c.ipynb)']);
  });

  it('compares nothing where too few runs succeeded, or without a kind', async () => {
    show([ended(0), ended(1, { kind: null })]);
    expect((await open('run 0')).textContent).toContain(
      'what is usual shows after 3 successful runs'
    );
    expect((await open('run 1')).textContent).toContain('no kind');
  });

  it('shows estimates against the true end, in words too', async () => {
    const predictions = predictionsOf([
      [1, 0.1, 5, 20, 30],
      [5, 0.5, 4, 5, 6]
    ]);
    show([ended(0)], { load: () => Promise.resolve({ ...DETAILS, predictions }) });
    const run = await open('run 0');
    expect(run.textContent).toContain('From 50 % of the time on the predicted end was within 10 %');
    expect(run.textContent).toContain('The range held the truth in 100 % of the estimates.');
  });

  it('opens where it ran, and is deleted when asked twice', async () => {
    const onDelete = vi.fn(() => Promise.resolve('it still runs'));
    const { onOpen } = show([ended(0)], { onDelete });
    await open('run 0');
    press('open notebook');
    expect(onOpen).toHaveBeenCalledWith(DETAILS.snapshot);
    press('delete…');
    press('keep');
    press('delete…');
    await act(async () => {
      press('delete');
      await Promise.resolve();
    });
    expect(onDelete).toHaveBeenCalledOnce();
    expect(screen.getByRole('alert').textContent).toBe('not deleted: it still runs');
  });

  it('stays readable when the server does not tell more, or it never entered a stage', async () => {
    show([ended(0)], { load: () => Promise.reject(new Error('HTTP 404')) });
    expect((await open('run 0')).textContent).toContain('did not tell more: HTTP 404');
    cleanup();
    const empty = { ...DETAILS, snapshot: ended(0, { stages: [], elapsed_s: null }) };
    show([ended(0)], { load: () => Promise.resolve(empty) });
    expect((await open('run 0')).textContent).toContain('No stage of it was entered.');
  });

  it('has nothing that axe complains about', async () => {
    const { container } = show([0, 1, 2].map(n => ended(n)));
    await open('run 2');
    const { violations } = await axe.run(container, {
      // Colours are looked at in a real browser.
      rules: { 'color-contrast': { enabled: false } }
    });
    expect(violations).toEqual([]);
  });
});

describe('the workers of a run', () => {
  const span = (worker: number, fields: Partial<ISpan> = {}): ISpan => ({
    task: 'a',
    stage: 'fit',
    worker: `worker ${worker}`,
    attempt: 1,
    start_s: 2.5,
    end_s: 7.5,
    state: 'succeeded',
    ...fields
  });
  const draw = (spans: ISpan[]) =>
    render(
      <Gantt
        stages={sharesOf(DETAILS.snapshot.stages)}
        spans={spans}
        length_s={10}
        words={english}
      />
    ).container;

  it('have a lane each, with what they did where it was', () => {
    const container = draw([
      span(1),
      span(2, { task: 'b', start_s: 5, end_s: 10, state: 'failed', attempt: 2 })
    ]);
    const [, failed] = container.querySelectorAll<HTMLElement>('.pk-span:not(.pk-span-stage)');
    expect([failed!.style.left, failed!.style.width]).toEqual(['50%', '50%']);
    expect(failed!.className).toContain('pk-span-failed');
    expect(failed!.title).toBe('b · fit · 5.0 s + 5.0 s · failed · attempt 2');
    expect(screen.getByRole('img').getAttribute('aria-label')).toBe(
      'load from 0.0 s to 2.5 s, fit from 2.5 s to 10 s, 2 tasks on 2 workers, busy 50 % of the time'
    );
  });

  it('are shown all only when they are asked for, if there are very many', () => {
    const container = draw(Array.from({ length: 100 }, (_, worker) => span(worker)));
    const lanes = () => container.querySelectorAll('.pk-lane').length;
    expect(lanes()).toBe(26);
    press('show all 100 workers');
    expect(lanes()).toBe(102);
  });
});

it('writes times on an axis as short as they are', () => {
  expect([0, 0.05, 30, 90, 3_600, 90_000].map(markText)).toEqual([
    '0',
    '0.05 s',
    '30 s',
    '1 min 30 s',
    '1 h',
    '1 d 1 h'
  ]);
  expect(spreadText(0.2, 0.4)).toBe('0.2–0.4 s');
  expect(spreadText(20, 80)).toBe('20 s–1 min 20 s');
});
