// @vitest-environment node
import { describe, expect, it } from 'vitest';

import { type IView, outline, Outliner } from '../src/model';
import { NOW, snapshot } from './snapshots';

const ALL: IView = {
  search: '',
  categories: new Set(),
  collapsed: new Set(),
  expanded: new Set(),
  dismissed: new Set()
};
type Fields = Parameters<typeof snapshot>[0] & { id: string };

const from = (place: Partial<ReturnType<typeof snapshot>['origin']>) => ({
  origin: { ...snapshot().origin, notebook: null, cell_id: null, kernel_id: null, ...place }
});
const ended = { state: 'succeeded' as const, ended_at: NOW };
const LOST = { hub: { ...snapshot().hub!, lease: 'lost' as const } };

/** The rows in words: groups as `# name`, operations by id, indented by their level. */
function rows(operations: Fields[], view: Partial<IView> = {}) {
  return outline(operations.map(snapshot), { ...ALL, ...view }).rows.map(row =>
    row.kind === 'group'
      ? `# ${row.name ?? 'process'}`
      : `${' '.repeat(row.level)}${row.key}${row.joinsBelow ? '+' : ''}`
  );
}

describe('the outline', () => {
  it('groups by notebook, script and process, with what is live first', () => {
    expect(
      rows([
        { id: 'old', ...ended, started_at: NOW - 50, ...from({ notebook: 'a.ipynb' }) },
        { id: 'run', started_at: NOW - 90, ...from({ script: '/jobs/b.py' }) },
        { id: 'late', ...ended, started_at: NOW - 80, ...from({ script: '/jobs/b.py' }) },
        { id: 'bare', started_at: NOW - 99, ...from({}) }
      ])
    ).toEqual(['# b.py', ' run', ' late', '# process', ' bare', '# a.ipynb', ' old']);
  });

  it('names two files of one name by their directories', () => {
    const names = rows([
      { id: 'a', started_at: 3, ...from({ script: '/x/train.py' }) },
      { id: 'b', started_at: 2, ...from({ script: '/y/train.py' }) },
      { id: 'c', started_at: 1, ...from({ script: '/y/test.py' }) }
    ]).filter(row => row.startsWith('#'));
    expect(names).toEqual(['# x/train.py', '# y/train.py', '# test.py']);
  });

  it('puts the operations of one cell together', () => {
    const one = from({ notebook: 'a.ipynb', kernel_id: 'k', cell_id: 'c1' });
    const two = from({ notebook: 'a.ipynb', kernel_id: 'k', cell_id: 'c2' });
    expect(
      rows([
        { id: 'a', started_at: 3, ...one },
        { id: 'b', started_at: 2, ...two },
        { id: 'c', started_at: 1, ...one }
      ])
    ).toEqual(['# a.ipynb', ' a+', ' c', ' b']);
  });

  it('shows the live children of a parent, and all when its details are open', () => {
    const family = [
      { id: 'top', started_at: 9 },
      { id: 'live', parent: 'top', started_at: 8 },
      { id: 'done', parent: 'top', ...ended, started_at: 7 },
      { id: 'deep', parent: 'live', started_at: 6 }
    ];
    expect(rows(family)).toEqual(['# demo.ipynb', ' top', '  live', '   deep']);
    expect(rows(family, { expanded: new Set(['top']) })).toContain('  done');
  });

  it('loses nothing where parents go round in a circle, or are not there', () => {
    expect(
      rows([
        { id: 'a', parent: 'b', started_at: 3 },
        { id: 'b', parent: 'a', started_at: 2 },
        { id: 'c', parent: 'c', started_at: 1 },
        { id: 'd', parent: 'gone', started_at: 0 }
      ]).slice(1)
    ).toHaveLength(4);
  });

  it('finds by all words in name, place and error', () => {
    const operations = [
      {
        id: 'a',
        name: 'Fit models',
        state: 'failed' as const,
        error: { type: 'ValueError', message: 'NaN' }
      },
      { id: 'b', name: 'Fit nothing' }
    ];
    expect(rows(operations, { search: 'fit nan' })).toEqual(['# demo.ipynb', ' a']);
    expect(rows(operations, { search: 'DEMO fit' })).toHaveLength(3);
    expect(rows(operations, { search: 'zzz' })).toEqual([]);
  });

  it('counts each state, and shows only the chosen ones', () => {
    const operations = [
      { id: 'a' },
      { id: 'b', ...ended },
      { id: 'c', ...LOST },
      { id: 'd', state: 'failed' as const, error: { type: 'Lost', message: '' } },
      { id: 'e', state: 'hibernating' as 'running' }
    ].map(snapshot);
    const { counts } = outline(operations, ALL);
    expect(Object.fromEntries(counts)).toEqual({ running: 1, succeeded: 1, lost: 2, other: 1 });
    const { rows: shown } = outline(operations, { ...ALL, categories: new Set(['lost']) });
    expect(shown.filter(row => row.kind === 'operation').map(row => row.key)).toEqual(['c', 'd']);
  });

  it('folds groups away, and forgets what was put away once it has ended', () => {
    const operations = [{ id: 'a' }, { id: 'b', ...ended }];
    const collapsed = new Set(['notebook work/demo.ipynb']);
    expect(rows(operations, { collapsed })).toEqual(['# demo.ipynb']);
    expect(rows(operations, { dismissed: new Set(['a', 'b']) })).toEqual(['# demo.ipynb', ' a']);
  });
});

describe('the outliner', () => {
  it('keeps the outline while only counts change, and makes it anew when a state does', () => {
    const entries = new Map([['a', snapshot({ id: 'a' })]]);
    const outliner = new Outliner({
      get: id => entries.get(id),
      list: () => [...entries.values()]
    });
    const first = outliner.show(ALL);
    entries.set('a', snapshot({ id: 'a', fraction: 0.9, seq: 2 }));
    outliner.note(['a']);
    expect(outliner.show(ALL)).toBe(first);
    entries.set('a', snapshot({ id: 'a', ...ended }));
    outliner.note(['a']);
    const second = outliner.show(ALL);
    expect(second).not.toBe(first);
    entries.delete('a');
    outliner.note(['a']);
    expect(outliner.show(ALL).rows).toEqual([]);
  });
});
