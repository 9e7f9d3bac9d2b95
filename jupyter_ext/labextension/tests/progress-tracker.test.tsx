import { act, cleanup, fireEvent, render, screen } from '@testing-library/react';
import * as React from 'react';
import { afterEach, describe, expect, it, vi } from 'vitest';

import { type IProgressTrackerProps, ProgressTracker } from '../src/components';
import { NOW, snapshot, stage, task } from './snapshots';

afterEach(cleanup);

const clock = { now: () => NOW };
const HUB = snapshot().hub!;

function show(fields: Parameters<typeof snapshot>[0], props: Partial<IProgressTrackerProps> = {}) {
  const { container } = render(
    <ProgressTracker snapshot={snapshot(fields)} clock={clock} {...props} />
  );
  const bar = screen.getByRole('progressbar');
  return {
    text: container.textContent,
    spoken: bar.getAttribute('aria-valuetext'),
    now: bar.getAttribute('aria-valuenow'),
    look: /pk-look-(\w+)/.exec(container.innerHTML)?.[1],
    container
  };
}

describe('one operation', () => {
  it('says while it runs how far it is, how long still, and what it does', () => {
    const estimate = { p10_s: 30, p50_s: 40, p90_s: 55, basis: [], slowdown: null, why: '' };
    const { text, spoken, now, look } = show({
      estimate,
      message: 'a.py',
      metrics: { loss: 0.31 }
    });
    for (const part of [
      'Customize résumé',
      '21 %',
      'about 40 s left',
      '(30–55 s)',
      'ends ',
      '43 / 100 sections',
      '2.1 sections/s',
      'a.py',
      'loss 0.31',
      '21 s'
    ]) {
      expect(text).toContain(part);
    }
    expect(spoken).toBe('21 %, analysis 43 / 100 sections, about 40 s left');
    expect([now, look]).toEqual(['21', 'running']);
  });

  it('does not say "from hours to months", but what is sure', () => {
    const vague = {
      p10_s: 34_000,
      p50_s: 1.15e6,
      p90_s: 3.8e7,
      basis: [],
      slowdown: null,
      why: ''
    };
    const { text } = show({ estimate: vague });
    expect(text).toContain('at least 9 h 30 min');
    expect(text).not.toContain('ends');
  });

  it('gives no number where the total is unknown', () => {
    const main = stage({ name: 'main', state: 'running', done: 8412, unit: 'rows' });
    const { text, spoken, now } = show({ stages: [main], stage: 'main', fraction: null });
    expect(now).toBeNull();
    expect(spoken).toBe('total unknown, 8,412 rows, time left unknown');
    expect(text).not.toContain('%');
  });

  it('draws the plan: segments as wide as the weights, filled as far as they are', () => {
    const { container } = show({
      stages: [
        stage({ name: 'load', state: 'succeeded', weight: 1 }),
        stage({ name: 'analysis', state: 'running', weight: 8, done: 1, total: 4 }),
        stage({ name: 'test', state: 'skipped', weight: 1, done: 1, total: 1 })
      ]
    });
    const segments = [...container.querySelectorAll<HTMLElement>('.pk-segment')];
    expect(segments.map(segment => segment.style.flexGrow)).toEqual(['1', '8', '1']);
    expect(segments.map(segment => segment.querySelector('i')!.style.width)).toEqual([
      '100%',
      '25%',
      '0%'
    ]);
    expect(segments.map(segment => segment.classList.contains('pk-now'))).toEqual([
      false,
      true,
      false
    ]);
  });

  it('takes one line when it succeeded', () => {
    const done = stage({
      name: 'analysis',
      state: 'succeeded',
      done: 1836,
      total: 1836,
      unit: 'files',
      elapsed_s: 90
    });
    const { text, now, spoken, container } = show({
      state: 'succeeded',
      stages: [done],
      fraction: 1,
      elapsed_s: 103
    });
    expect(text).toBe('Customize résumé1,836 files in 1 min 43 sdetails');
    expect([now, spoken]).toEqual(['100', 'succeeded, 1,836 files in 1 min 43 s']);
    expect(container.querySelector('.pk-bar')).toBeNull();
  });

  it('counts the tasks of all stages, and those that failed', () => {
    const ended = { succeeded: 8, failed: 1, cancelled: 0, skipped: 0, abandoned: 0 };
    const tasks = { pending: 0, running: 0, paused: 0, ...ended };
    const stages = ['analysis', 'planning'].map(name =>
      stage({ name, state: 'succeeded', done: 9, total: 9, unit: 'tasks', elapsed_s: 3, tasks })
    );
    const { text } = show({ state: 'succeeded', stages, fraction: 1, elapsed_s: 13 });
    expect(text).toBe('Customize résumé18 tasks in 13 s, 2 faileddetails');
  });

  it('does not claim the whole of a loop that was left early', () => {
    const { text, now } = show({
      state: 'succeeded',
      ended_early: true,
      elapsed_s: 3.21,
      fraction: 0.43
    });
    expect(text).toContain('ended early at 43 / 100 sections after 3.2 s');
    expect(now).toBe('43');
  });

  it('says where it failed although no stage is worked on any more', () => {
    const stages = snapshot().stages.map(each => ({
      ...each,
      state: each.name === 'analysis' ? ('failed' as const) : each.state
    }));
    const error = { type: 'ValueError', message: 'no' };
    const { text } = show({ state: 'failed', error, stage: null, stages });
    expect(text).toContain('ValueError: no (in analysis)');
  });

  it('keeps its place when it failed, and says why and where', () => {
    const error = { type: 'ValueError', message: 'Input X contains NaN' };
    const { text, now, spoken } = show({ state: 'failed', error, fraction: 0.61, elapsed_s: 192 });
    expect(text).toContain('ValueError: Input X contains NaN (in analysis)');
    expect(text).toContain('after 3 min 12 s at 61 %');
    expect(now).toBe('61');
    expect(spoken).toContain('failed, ValueError: Input X contains NaN');
  });

  it.each([
    ['pending', { state: 'pending' }, {}, 'waiting'],
    ['paused', { state: 'paused' }, {}, 'paused'],
    ['cancelled', { state: 'cancelled' }, {}, 'cancelled'],
    ['stale', { hub: { ...HUB, lease: 'stale', changed_at: NOW - 9 } }, {}, 'no sign for 9 s'],
    [
      'lost',
      { hub: { ...HUB, lease: 'lost', changed_at: NOW - 95 } },
      {},
      'lost: no sign for 1 min 35 s'
    ],
    [
      'lost',
      { state: 'failed', error: { type: 'Lost', message: '' } },
      {},
      'lost: the kernel ended'
    ],
    ['unknown', { hub: null }, { known: false }, 'not running here']
  ] as const)('says in words that it is %s', (look, fields, props, words) => {
    const shown = show(fields, props);
    expect(shown.look).toBe(look);
    expect(shown.text).toContain(words);
    expect(shown.spoken).toContain(words);
    expect(shown.container.querySelector('.pk-tag')?.textContent).toBe(words);
  });

  it('says in words that it is offline', () => {
    const { look, text, spoken } = show({}, { offlineSince: Date.now() - 12_000 });
    expect(look).toBe('offline');
    expect([text, spoken].every(said => said?.includes('offline for 12 s'))).toBe(true);
  });

  it('trusts an end whatever became of the line', () => {
    expect(show({ state: 'cancelled' }, { offlineSince: 1, known: false }).look).toBe('cancelled');
  });

  it('promises no time left when it is not sure that the operation lives', () => {
    const estimate = { p10_s: null, p50_s: 40, p90_s: null, basis: [], slowdown: null, why: '' };
    expect(show({ estimate: null }, { offlineSince: Date.now() - 9_000 }).text).not.toContain(
      'left'
    );
    cleanup();
    expect(show({ estimate, hub: null }, { known: false }).text).toContain('last seen ');
  });

  it('shows names and messages as text, whatever is in them', () => {
    const name = '<img src=x onerror=alert(1)>';
    const { container } = show({ name, message: '<b>%1 %s</b>' });
    expect(container.querySelector('img')).toBeNull();
    expect(container.textContent).toContain(name);
    expect(container.textContent).toContain('<b>%1 %s</b>');
    expect(screen.getByRole('progressbar').getAttribute('aria-label')).toBe(name);
  });

  it('counts the elapsed time on between two messages, and stops when it ends', () => {
    vi.useFakeTimers();
    let now = NOW;
    const ticking = { now: () => now };
    const view = render(<ProgressTracker snapshot={snapshot()} clock={ticking} />);
    expect(view.container.textContent).toContain('21 s');
    now += 5;
    act(() => void vi.advanceTimersByTime(1000));
    expect(view.container.textContent).toContain('26 s');
    view.rerender(<ProgressTracker snapshot={snapshot({ state: 'succeeded' })} clock={ticking} />);
    expect(vi.getTimerCount()).toBe(0);
    vi.useRealTimers();
  });
});

describe('marks', () => {
  const estimate = {
    p10_s: 30,
    p50_s: 40,
    p90_s: 55,
    basis: [],
    slowdown: 1.7,
    why: '2 slow files left'
  };
  const pace = { stage: 'analysis', state: 'running', count: 43, usual_s: 0.5 };
  const quietSince = (seconds: number) => ({
    pace: () => ({ ...pace, changedAt: NOW - seconds }),
    trend: () => []
  });

  it('says that it is slower than usual, and what it waits for', () => {
    const { text, container } = show({ estimate });
    expect(text).toContain('1.7× slower than usual');
    expect(text).toContain('2 slow files left');
    expect(container.querySelector('.pk-tag-slower svg')).not.toBeNull();
  });

  it('does not call what runs differ by slow', () => {
    expect(show({ estimate: { ...estimate, slowdown: 1.1 } }).text).not.toContain('slower');
  });

  it('says that it is stalled when it has not counted for long, and promises no end then', () => {
    const { text, spoken } = show({ estimate }, { memory: quietSince(80) });
    expect(text).toContain('stalled for 1 min 20 s');
    expect(text).toContain('time left unknown');
    expect(text).not.toContain('ends ');
    expect(spoken).toContain('stalled for 1 min 20 s');
  });

  it.each([
    ['a short pause', 9, {}],
    ['a lease that is not sure', 80, { hub: { ...HUB, lease: 'stale' } }],
    ['a paused one', 80, { state: 'paused' }]
  ] as const)('calls nothing stalled by %s', (_, seconds, fields) => {
    expect(show(fields, { memory: quietSince(seconds) }).text).not.toContain('stalled');
  });

  it('waits for as long as is usual', () => {
    const slow = { pace: () => ({ ...pace, usual_s: 60, changedAt: NOW - 290 }), trend: () => [] };
    expect(show({}, { memory: slow }).text).not.toContain('stalled');
    cleanup();
    const over = { pace: () => ({ ...pace, usual_s: 60, changedAt: NOW - 310 }), trend: () => [] };
    expect(show({}, { memory: over }).text).toContain('stalled for 5 min 10 s');
  });

  it('goes on by its last estimate while the server is out of reach, and says so', () => {
    const { look, text, now } = show({ estimate }, { offlineSince: Date.now() - 12_000 });
    expect(look).toBe('simulated');
    expect(text).toContain('estimated, offline for 12 s');
    expect(Number(now)).toBeGreaterThan(21);
  });

  it('does not carry on what the hub had lost already', () => {
    const lost = { estimate, hub: { ...HUB, lease: 'lost' as const } };
    expect(show(lost, { offlineSince: Date.now() - 12_000 }).look).toBe('lost');
  });
});

describe('the usual time', () => {
  it('stands beside that of a run that succeeded', () => {
    const { text } = show({ state: 'succeeded', elapsed_s: 103 }, { usual_s: 98 });
    expect(text).toContain('in 1 min 43 s · usually 1 min 38 s');
  });
});

describe('details', () => {
  const tasks = [
    task({ id: 't1', name: 'fold 2', done: 30, total: 60, elapsed_s: 41 }),
    task({
      id: 't2',
      name: 'fold <1>',
      state: 'failed',
      attempt: 2,
      worker: 'worker 3',
      error: { type: 'MemoryError', message: '' }
    })
  ];

  it('open at the button, with each stage, its counts, its time and its state', () => {
    const { container } = show({});
    const button = screen.getByRole('button', { name: 'Details of Customize résumé' });
    expect(button.getAttribute('aria-expanded')).toBe('false');
    fireEvent.click(button);
    expect(button.getAttribute('aria-expanded')).toBe('true');
    const rows = [...screen.getByRole('list', { name: 'Stages' }).children];
    expect(rows.map(row => row.textContent)).toEqual([
      'analysis43 / 100 sections, running43 %21 s',
      'planningwaiting'
    ]);
    expect(container.querySelector(`#${button.getAttribute('aria-controls')}`)).not.toBeNull();
  });

  it('show which tasks run and which failed, the failed ones first', () => {
    show({ tasks, tasks_omitted: 3 });
    const rows = [...screen.getByRole('list', { name: 'Tasks' }).children];
    expect(rows.map(row => row.textContent)).toEqual([
      'failed fold <1>: MemoryErrorworker 3 · attempt 2',
      'fold 230 / 60worker 1 · 41 s',
      'and 3 more tasks'
    ]);
  });

  it('draw the course of a metric', () => {
    const memory = { pace: () => null, trend: () => [1, 0.5, 0.31] };
    const { container } = show({ metrics: { loss: 0.31 } }, { memory });
    expect(container.querySelector('.pk-spark polyline')?.getAttribute('points')).toBe(
      '1.0,1.0 28.0,8.2 55.0,11.0'
    );
  });
});

describe('what a newer hub or a strange publisher sends', () => {
  it('shows a state that it does not know by its own name', () => {
    const { text, look } = show({ state: 'hibernating' as 'running' });
    expect([look, text.includes('hibernating')]).toEqual(['other', true]);
  });

  it('draws an operation without stages', () => {
    const { container, now } = show({ stages: [], stage: null, fraction: 0.4 });
    expect(container.querySelector<HTMLElement>('.pk-segment i')!.style.width).toBe('40%');
    expect(now).toBe('40');
    cleanup();
    const unknown = show({ stages: [], stage: null, fraction: null });
    expect(unknown.container.querySelector('.pk-endless')).not.toBeNull();
    expect(unknown.now).toBeNull();
  });

  it('tells the times of the hub although this machine’s clock is wrong by an hour', () => {
    const estimate = { p10_s: null, p50_s: 600, p90_s: null, basis: [], slowdown: null, why: '' };
    vi.useFakeTimers({ now: (NOW + 3600) * 1000, toFake: ['Date'] });
    const { text } = show({ estimate });
    vi.useRealTimers();
    const at = new Date((NOW + 600) * 1000);
    const two = (part: number) => String(part).padStart(2, '0');
    expect(text).toContain(`ends ${two(at.getHours())}:${two(at.getMinutes())}`);
    expect(text).toContain('21 s');
  });

  it('keeps right-to-left names from turning what stands beside them', () => {
    const name = 'ניתוח';
    const { container } = show({ name });
    expect(container.querySelector('bdi.pk-name')?.textContent).toBe(name);
    expect(screen.getByRole('progressbar').getAttribute('aria-label')).toBe(`\u2068${name}\u2069`);
  });
});
