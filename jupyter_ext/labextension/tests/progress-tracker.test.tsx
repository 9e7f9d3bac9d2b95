import { act, cleanup, fireEvent, render, screen } from '@testing-library/react';
import * as React from 'react';
import { afterEach, describe, expect, it, vi } from 'vitest';

import {
  type IProgressTrackerProps,
  LineFoot,
  OperationList,
  ProgressTracker
} from '../src/components';
import { english } from '../src/components/words';
import { NOW, snapshot, stage } from './snapshots';

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
    expect(text).toBe('Customize résumé1,836 files in 1 min 43 s');
    expect([now, spoken]).toEqual(['100', 'succeeded, 1,836 files in 1 min 43 s']);
    expect(container.querySelector('.pk-bar')).toBeNull();
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
    ['offline', {}, { offlineSince: Date.now() - 12_000 }, 'offline for 12 s'],
    ['unknown', { hub: null }, { known: false }, 'not running here']
  ] as const)('says in words that it is %s', (look, fields, props, words) => {
    const shown = show(fields, props);
    expect(shown.look).toBe(look);
    expect(shown.text).toContain(words);
    expect(shown.spoken).toContain(words);
    expect(shown.container.querySelector('.pk-tag')?.textContent).toBe(words);
  });

  it('trusts an end whatever became of the line', () => {
    expect(show({ state: 'cancelled' }, { offlineSince: 1, known: false }).look).toBe('cancelled');
  });

  it('promises no time left when it is not sure that the operation lives', () => {
    const estimate = { p10_s: null, p50_s: 40, p90_s: null, basis: [], slowdown: null, why: '' };
    expect(show({ estimate }, { offlineSince: Date.now() - 9_000 }).text).not.toContain('left');
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

describe('cancelling', () => {
  const accepted = () => Promise.resolve(null);

  it('is offered only where the operation can be cancelled', () => {
    const offered = (
      fields: Parameters<typeof snapshot>[0],
      props: Partial<IProgressTrackerProps> = {}
    ) => {
      cleanup();
      show(fields, { onCancel: accepted, ...props });
      return screen.queryByRole('button') !== null;
    };
    expect(offered({})).toBe(true);
    expect(offered({ actions: [] })).toBe(false);
    expect(offered({ state: 'failed' })).toBe(false);
    expect(offered({}, { offlineSince: Date.now() - 5_000 })).toBe(false);
    expect(offered({}, { known: false })).toBe(false);
  });

  it('asks the operation, and says that it did', async () => {
    const onCancel = vi.fn(accepted);
    show({}, { onCancel });
    fireEvent.click(screen.getByRole('button', { name: 'Cancel Customize résumé' }));
    expect(onCancel).toHaveBeenCalledWith('op_1');
    expect(await screen.findByText('cancelling…')).toBeTruthy();
  });

  it('asks twice in the panel', () => {
    const onCancel = vi.fn(accepted);
    show({}, { onCancel, variant: 'panel' });
    fireEvent.click(screen.getByRole('button', { name: 'Cancel Customize résumé' }));
    expect(onCancel).not.toHaveBeenCalled();
    fireEvent.click(screen.getByRole('button', { name: 'no' }));
    fireEvent.click(screen.getByRole('button', { name: 'Cancel Customize résumé' }));
    fireEvent.click(screen.getByRole('button', { name: 'yes' }));
    expect(onCancel).toHaveBeenCalledOnce();
  });

  it('says why it was refused', async () => {
    show({}, { onCancel: () => Promise.resolve('unsupported') });
    fireEvent.click(screen.getByRole('button'));
    expect((await screen.findByRole('alert')).textContent).toBe('not cancelled: unsupported');
  });
});

describe('the panel', () => {
  const list = (operations: ReturnType<typeof snapshot>[]) =>
    render(
      <OperationList
        operations={operations}
        clock={clock}
        offlineSince={null}
        onCancel={() => Promise.resolve(null)}
        words={english}
      />
    ).container;

  it('says what it is for while nothing runs', () => {
    expect(list([]).textContent).toContain('Nothing runs.');
  });

  it('says where each operation runs', () => {
    const origin = { ...snapshot().origin, notebook: null };
    const text = list([
      snapshot({ id: 'a' }),
      snapshot({ id: 'b', origin: { ...origin, script: '/home/me/train.py' } }),
      snapshot({ id: 'c', origin })
    ]).textContent;
    for (const where of ['demo.ipynb', 'train.py', 'pid 812 on h']) {
      expect(text).toContain(where);
    }
  });

  it('counts the old ones instead of listing thousands', () => {
    const ended = Array.from({ length: 60 }, (_, n) =>
      snapshot({ id: `e${n}`, state: 'succeeded', ended_at: NOW })
    );
    const container = list([snapshot({ id: 'live' }), ...ended]);
    expect(container.querySelectorAll('.pk-operation')).toHaveLength(51);
    expect(container.textContent).toContain('and 10 older ones');
  });

  it.each([
    [{ state: 'live', downSince: null, reason: null }, 'live'],
    [{ state: 'connecting', downSince: 1, reason: null }, 'connecting…'],
    [
      { state: 'offline', downSince: 1, reason: 'network' },
      'offline: the server cannot be reached; trying again'
    ],
    [
      { state: 'offline', downSince: 1, reason: 'missing' },
      'offline: this server does not have the extension progress_kit_jupyter'
    ],
    [
      { state: 'refused', downSince: 1, reason: 'version' },
      'offline: server and page have different versions; reload the page'
    ]
  ] as const)('says how the line is: %o', (line, words) => {
    render(<LineFoot line={line} words={english} />);
    expect(screen.getByRole('status').textContent).toBe(words);
  });
});
