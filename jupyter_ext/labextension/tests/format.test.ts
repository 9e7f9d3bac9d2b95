import { describe, expect, it } from 'vitest';

import {
  duration,
  metric,
  moment,
  percent,
  progress,
  range,
  rate,
  roughly
} from '../src/components/format';
import { plainText } from '../src/components/plain';
import { steadyEnd } from '../src/components/view';
import { snapshot, stage } from './snapshots';

describe('numbers as a person reads them', () => {
  it.each([
    [698, 1836, 'files', '698 / 1,836 files'],
    [698, null, 'files', '698 files'],
    [43, 100, '', '43 / 100'],
    [0.25, 2, 'epochs', '0.25 / 2 epochs'],
    [1.9e9, 4.3e9, 'B', '1.9 / 4.3 GB'],
    [812, 4.3e6, 'bytes', '0.0 / 4.3 MB'],
    [999, 999, 'B', '999 / 999 B'],
    [0, 0, 'B', '0 / 0 B'],
    [999_960, null, 'B', '1.0 MB'],
    [19_000, 4.3e6, 'kB', '0.0 / 4.3 GB'],
    [512, 900, 'MB', '512 / 900 MB'],
    [1_900, 4_300, 'MiB', '1.9 / 4.2 GiB'],
    [700, null, 'KiB', '700 KiB'],
    [3, 8, 'Mb', '3 / 8 Mb'],
    [3, 8, 'GB rows', '3 / 8 GB rows']
  ])('progress(%d, %d, %s)', (done, total, unit, text) => {
    expect(progress(done, total, unit)).toBe(text);
  });

  it.each([
    [74.3, 'files', '74 files/s'],
    [2.14, 'sections', '2.1 sections/s'],
    [0.2, 'files', '12 files/min'],
    [0.001, 'files', '3.6 files/h'],
    [1234, '', '1,234/s'],
    [12_345, 'rows', '12k rows/s'],
    [11e6, 'B', '11 MB/s'],
    [1_100.5, 'kB', '1.1 MB/s'],
    [0.25, 'MiB', '256 KiB/s'],
    [0, 'files', '0 files/s']
  ])('rate(%d, %s)', (perSecond, unit, text) => {
    expect(rate(perSecond, unit)).toBe(text);
  });

  it.each([
    [0, '0 %'],
    [0.29, '29 %'],
    [0.999, '99 %'],
    [1, '100 %']
  ])('percent(%d) never says 100 before the end', (fraction, text) => {
    expect(percent(fraction)).toBe(text);
  });

  it.each([
    [0, '0 s'],
    [59.9, '59 s'],
    [64, '1 min 04 s'],
    [3_600, '1 h 00 min'],
    [90_000, '25 h 00 min'],
    [200_000, '2 d 7 h']
  ])('duration(%d)', (seconds, text) => {
    expect(duration(seconds)).toBe(text);
  });

  it('gives tenths of a second where an outcome was quick', () => {
    expect([3.21, 9.97, 43.21].map(seconds => duration(seconds, true))).toEqual([
      '3.2 s',
      '9 s',
      '43 s'
    ]);
  });

  it.each([
    [0.2, '1 s'],
    [7.4, '7 s'],
    [41, '40 s'],
    [58, '1 min'],
    [99, '1 min 40 s'],
    [700, '12 min'],
    [9_100, '2 h 30 min'],
    [50_000, '14 h'],
    [250_000, '69 h'],
    [1_150_000, '13 d']
  ])('roughly(%d) is no finer than it can be known', (seconds, text) => {
    expect(roughly(seconds)).toBe(text);
  });

  it.each([
    [30, 55, '30–55 s'],
    [60, 240, '1–4 min'],
    [50, 118, '50 s–2 min'],
    [90, 240, '1 min 30 s–4 min'],
    [40, 41, '40 s']
  ])('range(%d, %d)', (low, high, text) => {
    expect(range(low, high)).toBe(text);
  });

  it.each([
    [0.3127, '0.3127'],
    [12_345.6, '12,346'],
    [1.2e-7, '1.20e-7'],
    [4.1, '4.1'],
    [0, '0']
  ])('metric(%d)', (value, text) => {
    expect(metric(value)).toBe(text);
  });

  it('names the day where it is not today', () => {
    const at = (...parts: [number, number, number, number, number]) =>
      new Date(...parts).getTime() / 1000;
    const now = at(2026, 10, 24, 12, 0);
    expect(moment(at(2026, 10, 24, 14, 2), now)).toBe('14:02');
    expect(moment(at(2026, 10, 25, 4, 30), now)).toBe('Wed 04:30');
    expect(moment(at(2026, 9, 1, 4, 30), now)).toBe('1 Oct 04:30');
    expect(moment(at(2025, 9, 1, 4, 30), now)).toBe('1 Oct 2025 04:30');
  });
});

describe('the end time on the screen', () => {
  it('does not follow small changes of the estimate', () => {
    expect(steadyEnd(1000, 1020, 100)).toBe(1000);
    expect(steadyEnd(1000, 1085, 100)).toBe(1000);
    expect(steadyEnd(10_000, 10_500, 100)).toBe(10_000);
  });

  it('follows large ones, and never stays in the past', () => {
    expect(steadyEnd(1000, 1300, 100)).toBe(1300);
    expect(steadyEnd(1000, 1010, 1001)).toBe(1010);
    expect(steadyEnd(null, 1010, 100)).toBe(1010);
  });
});

describe('an operation in one line', () => {
  const parts = stage({ name: 'analysis', done: 300, total: 300, unit: 'files', elapsed_s: 9 });
  const ended = { stages: [parts], elapsed_s: 16, fraction: 1 };

  it.each([
    [snapshot({ fraction: 0.43 }), '43 %'],
    [snapshot({ fraction: null }), '43 / 100 sections'],
    [snapshot({ ...ended, state: 'succeeded' }), 'finished in 16 s, 300 files'],
    [
      snapshot({ state: 'succeeded', ended_early: true, elapsed_s: 3.21 }),
      'ended early after 3.2 s, 43 / 100 sections'
    ],
    [
      snapshot({ state: 'cancelled', fraction: 0.43, elapsed_s: 16 }),
      'cancelled · after 16 s at 43 %'
    ],
    [
      snapshot({
        state: 'failed',
        fraction: null,
        elapsed_s: 16,
        error: { type: 'E', message: 'x' }
      }),
      'failed: E: x · after 16 s'
    ]
  ])('%#', (operation, text) => {
    expect(plainText(operation)).toBe(`Customize résumé: ${text}`);
  });
});
