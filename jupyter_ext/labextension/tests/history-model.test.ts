import { describe, expect, it, vi } from 'vitest';

import {
  accuracyOf,
  csvOf,
  EVERYTHING,
  type IRun,
  type ISpan,
  lanesOf,
  longestTasks,
  matcher,
  OperationsModel,
  outcomeOf,
  predictionsOf,
  quantiles,
  ratioOf,
  RunList,
  runOf,
  sharesOf,
  sortRuns,
  spansOfTasks,
  ticks,
  usualOf,
  wasted
} from '../src/model';
import { NOW, snapshot, stage } from './snapshots';

/** A run of kind `k` that succeeded in 100 s. */
function run(fields: Partial<IRun> = {}): IRun {
  return {
    ...runOf(snapshot({ state: 'succeeded', kind: 'k', elapsed_s: 100, started_at: NOW - 200 })),
    ...fields
  };
}

function span(fields: Partial<ISpan> = {}): ISpan {
  const given = { task: 'a', stage: 's', worker: 'w1', attempt: 1, start_s: 0, end_s: 1 };
  return { ...given, state: 'succeeded', ...fields };
}

describe('a run', () => {
  it('keeps what a table needs of a snapshot', () => {
    const error = { type: 'ValueError', message: 'Input <b>X</b>' };
    expect(runOf(snapshot({ id: 'op_7', state: 'failed', kind: 'k', error }))).toMatchObject({
      id: 'op_7',
      where: 'demo.ipynb',
      outcome: 'failed',
      startedAt: NOW - 21.4,
      duration_s: 21.4,
      error: 'ValueError: Input <b>X</b>'
    });
  });

  it('was lost when its kernel died or nobody saw it end', () => {
    const Lost = { type: 'Lost', message: '' };
    expect(outcomeOf(snapshot({ state: 'failed', error: Lost }))).toBe('lost');
    expect(outcomeOf(snapshot({ state: 'running' }))).toBe('lost');
  });

  it('has an unknown outcome where a newer hub has a word of its own for it', () => {
    expect(outcomeOf(snapshot({ state: 'teleported' as 'failed' }))).toBe('unknown');
  });

  it('is found by all words of a search, in name, kind, path or error, in any case', () => {
    const one = runOf(
      snapshot({ kind: 'train-v2', state: 'failed', error: { type: 'OSError', message: 'disk' } })
    );
    const finds = (text: string) => matcher({ ...EVERYTHING, text })(one);
    expect(['RÉSUMÉ', 'train disk', 'work/demo', ' '].map(finds)).toEqual([true, true, true, true]);
    expect(['train memory', 'other'].map(finds)).toEqual([false, false]);
  });

  it('passes a filter of kind and outcome when it has both', () => {
    const passes = matcher({ text: '', kind: 'k', outcome: 'succeeded' });
    expect(passes(run())).toBe(true);
    expect(passes(run({ kind: 'other' }))).toBe(false);
    expect(passes(run({ outcome: 'failed' }))).toBe(false);
  });
});

describe('what is usual', () => {
  const runs = [10, 20, 30, 40, 50].map(duration_s => run({ duration_s }));

  it('is the median of the runs of a kind that came to their end, and where 8 of 10 lie', () => {
    const stray = [
      run({ outcome: 'failed', duration_s: 1 }),
      run({ endedEarly: true, duration_s: 1 }),
      run({ duration_s: null })
    ];
    expect(usualOf([...runs, ...stray]).get('k')).toEqual({ runs: 5, total_s: [14, 30, 46] });
  });

  it('is not known from two runs', () => {
    expect(usualOf(runs.slice(0, 2)).size).toBe(0);
  });

  it('is what a run is compared with, if it came to its end', () => {
    const usual = usualOf(runs);
    expect(ratioOf(run({ duration_s: 51 }), usual)).toBeCloseTo(1.7);
    expect(ratioOf(run({ duration_s: 51, outcome: 'failed' }), usual)).toBeNull();
    expect(ratioOf(run({ duration_s: 51, kind: null }), usual)).toBeNull();
    expect(ratioOf(run({ duration_s: null }), usual)).toBeNull();
  });

  it('has quantiles between two values in proportion', () => {
    expect(quantiles([3, 1])).toEqual([1.2, 2, 2.8]);
    expect(quantiles([])).toBeNull();
  });
});

describe('the order of runs', () => {
  const names = (runs: readonly IRun[]) => runs.map(({ name }) => name);
  const runs = [
    run({ name: 'b 10', duration_s: 2, startedAt: 1 }),
    run({ name: 'b 9', duration_s: null, startedAt: 2 }),
    run({ name: 'A', duration_s: 3, startedAt: 3 })
  ];

  it('is by any column, numbers in names by their value', () => {
    const by = (key: 'name' | 'started', descending: boolean) =>
      names(sortRuns(runs, { key, descending }, new Map()));
    expect(by('name', false)).toEqual(['A', 'b 9', 'b 10']);
    expect(by('name', true)).toEqual(['b 10', 'b 9', 'A']);
    expect(by('started', true)).toEqual(['A', 'b 9', 'b 10']);
  });

  it('has what is not known last either way', () => {
    for (const descending of [true, false]) {
      expect(names(sortRuns(runs, { key: 'duration', descending }, new Map()))[2]).toBe('b 9');
    }
  });

  it('leaves the list that it was given as it was', () => {
    sortRuns(runs, { key: 'name', descending: false }, new Map());
    expect(names(runs)).toEqual(['b 10', 'b 9', 'A']);
  });
});

describe('a CSV file', () => {
  it('has a header and a line for each run, times in UTC', () => {
    const [header, line] = csvOf([run({ id: 'op_1', startedAt: 0 })], new Map()).split('\r\n');
    expect(header).toBe(
      'id,name,kind,where,started_at,duration_s,times_usual,outcome,ended_early,error'
    );
    expect(line).toBe(
      'op_1,Customize résumé,k,demo.ipynb,1970-01-01T00:00:00.000Z,100,,succeeded,false,'
    );
  });

  it('quotes what would break a line, and lets no name be a formula', () => {
    const text = csvOf([run({ name: '=HYPERLINK("x")', error: 'a,"b"\nc' })], new Map());
    expect(text).toContain(`"'=HYPERLINK(""x"")"`);
    expect(text).toContain('"a,""b""\nc"');
  });

  it.each([
    ['+1', "'+1"],
    ['-1', "'-1"],
    ['@SUM(A1)', "'@SUM(A1)"],
    ['\t=1', "'\t'=1"],
    [' =1', "' =1"],
    ['"=1"', `"'""=1"""`],
    ['＝1+1', "'＝1+1"],
    ["a;=cmd|' /C calc'!A0", "a;'=cmd|' /C calc'!A0"],
    ['a\n=1', `"a\n'=1"`],
    ['a-b; c = d', 'a-b; c = d']
  ])('has no formula in %j', (name, cell) => {
    expect(csvOf([run({ name })], new Map()).split('\r\n')[1]).toContain(`,${cell},k,`);
  });
});

describe('the list of runs', () => {
  it('takes in each operation as it ends, and none that runs', () => {
    const model = new OperationsModel();
    const list = new RunList();
    list.follow(model);
    model.swap([snapshot({ id: 'a' }), snapshot({ id: 'b', state: 'failed' })], []);
    expect(list.runs.map(({ id }) => id)).toEqual(['b']);
    model.swap([snapshot({ id: 'a', state: 'succeeded' })], []);
    expect(list.runs.map(({ id }) => id)).toEqual(['b', 'a']);
  });

  it('keeps one entry for a run that is told twice', () => {
    const list = new RunList();
    list.add([snapshot({ state: 'failed' })]);
    list.add([snapshot({ state: 'failed' })]);
    expect(list.runs).toHaveLength(1);
  });

  it('never takes back what was deleted, and counts it no more', () => {
    const list = new RunList();
    list.setKinds([{ kind: 'k', runs: 1 }]);
    list.add([snapshot({ state: 'succeeded', kind: 'k' })]);
    list.remove(({ kind }) => kind === 'k');
    list.add([snapshot({ state: 'succeeded', kind: 'k' })]);
    expect(list.runs).toEqual([]);
    expect([...list.kinds]).toEqual([]);
  });

  it('counts the runs of a kind that have not been read yet', () => {
    const list = new RunList();
    list.setKinds([{ kind: 'k', runs: 200 }]);
    list.add([snapshot({ state: 'succeeded', kind: 'j' })]);
    expect([...list.kinds]).toEqual([
      ['j', 1],
      ['k', 200]
    ]);
  });

  it('tells nothing after its end', () => {
    const list = new RunList();
    const heard = vi.fn();
    list.changed.connect(heard);
    list.dispose();
    list.add([snapshot()]);
    expect(heard).not.toHaveBeenCalled();
  });
});

describe('the timeline of a run', () => {
  it('has a lane for each worker, 2 before 10, and a row more where two tasks overlap', () => {
    const lanes = lanesOf([
      span({ worker: 'w10' }),
      span({ worker: 'w2', start_s: 0, end_s: 2 }),
      span({ worker: 'w2', start_s: 1, end_s: 3 }),
      span({ worker: 'w2', start_s: 2, end_s: 4 })
    ]);
    expect(lanes.map(({ worker, rows }) => [worker, rows.map(row => row.length)])).toEqual([
      ['w2', [2, 1]],
      ['w10', [1]]
    ]);
    expect(lanes.map(({ busy_s }) => busy_s)).toEqual([4, 1]);
  });

  it('adds the attempts of a task together, and says what the failed ones cost', () => {
    const spans = [
      span({ task: 'b', start_s: 5, end_s: 6 }),
      span({ start_s: 3, end_s: 5, attempt: 2 }),
      span({ end_s: 2, state: 'failed' })
    ];
    expect(longestTasks(spans, 1)).toEqual([
      { task: 'a', stage: 's', worker: 'w1', attempts: 2, total_s: 4, state: 'succeeded' }
    ]);
    expect(wasted(spans)).toBe(2);
  });

  it('is made of the listed tasks where there is none', () => {
    const task = { id: 't', stage: 's', name: 'a', attempt: 1, worker: null, done: 0, total: null };
    const rest = { unit: '', cost: null, error: null, state: 'failed' as const };
    expect(
      spansOfTasks([
        { ...task, ...rest, started_s: 1, elapsed_s: 2 },
        { ...task, ...rest, started_s: null, elapsed_s: null }
      ])
    ).toEqual([span({ worker: '', start_s: 1, end_s: 3, state: 'failed' })]);
  });

  it('gives each stage its share of the time, none where nothing took any', () => {
    const stages = [stage({ name: 'a', elapsed_s: 30 }), stage({ name: 'b', elapsed_s: 10 })];
    expect(sharesOf(stages).map(({ share }) => share)).toEqual([0.75, 0.25]);
    expect(sharesOf([stage({ name: 'a' })])[0]!.share).toBe(0);
    expect(sharesOf([])).toEqual([]);
  });

  it('has an axis with marks that a person counts in', () => {
    expect(ticks(100, 6)).toEqual([0, 30, 60, 90]);
    expect(ticks(1.5, 6)).toEqual([0, 0.5, 1, 1.5]);
    expect(ticks(400_000, 6)).toEqual([0, 86_400, 172_800, 259_200, 345_600]);
    expect(ticks(0, 6)).toEqual([0]);
    expect(ticks(NaN, 6)).toEqual([0]);
  });
});

describe('estimate against truth', () => {
  it('says from when on the end was known, how far off the rest was, and what the ranges held', () => {
    const predictions = predictionsOf([
      [10, 0.1, 100, 190, 200],
      [50, 0.5, 30, 55, 60],
      [80, 0.8, 15, 20, 30],
      [99, 0.99, 1, 1, 1]
    ]);
    const accuracy = accuracyOf(predictions, 100)!;
    expect(accuracy.goodFrom).toBe(0.5);
    expect(accuracy.medianError).toBeCloseTo(0.1);
    expect(accuracy.held).toBeCloseTo(2 / 3);
  });

  it('never was good where the last prediction was not', () => {
    expect(accuracyOf(predictionsOf([[50, 0.5, null, 90, null]]), 100)).toEqual({
      medianError: 0.8,
      goodFrom: null,
      held: null
    });
  });

  it('says nothing where nothing was predicted in time', () => {
    expect(accuracyOf(predictionsOf([[99, 0.99, null, 1, null]]), 100)).toBeNull();
    expect(accuracyOf([], 100)).toBeNull();
  });
});
