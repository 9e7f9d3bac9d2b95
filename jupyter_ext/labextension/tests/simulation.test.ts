import { describe, expect, it } from 'vitest';

import { Follower, type IShown } from '../src/model';
import { interpolate, simulate } from '../src/model/simulation';
import type { Estimate, Snapshot } from '../src/protocol';
import { NOW, snapshot, stage } from './snapshots';

const hub = snapshot().hub!;

function estimate(p50_s: number, spread = 0.5): Estimate {
  return {
    p10_s: p50_s * (1 - spread),
    p50_s,
    p90_s: p50_s * (1 + spread),
    basis: ['rate'],
    slowdown: null,
    why: ''
  };
}

/** One stage of 100 files, `done` of them, of which `p50_s` seconds are left. */
function files(done: number, p50_s: number | null = null, fields: Partial<Snapshot> = {}) {
  const main = stage({ name: 'main', state: 'running', done, total: 100, unit: 'files', rate: 2 });
  return snapshot({
    seq: done,
    stage: 'main',
    stages: [main],
    fraction: done / 100,
    estimate: p50_s === null ? null : estimate(p50_s),
    ...fields
  });
}

/** Numbers between 0 and 1, the same in each run. */
function* numbers(seed: number): Generator<number> {
  for (let state = seed; ;) {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    yield state / 2_147_483_648;
  }
}

/** Any operation that runs: one to five stages, with and without totals, rates and estimates. */
function anyRunning(random: Iterator<number>): Snapshot {
  const next = (): number => random.next().value as number;
  const count = 1 + Math.floor(next() * 5);
  const current = Math.floor(next() * count);
  const stages = Array.from({ length: count }, (_, i) => {
    const total = i <= current && next() < 0.8 ? Math.ceil(next() * 10 ** (next() * 9)) : null;
    return stage({
      name: `stage ${i}`,
      weight: 0.1 + next() * 8,
      state: i < current ? 'succeeded' : i === current ? 'running' : 'pending',
      total,
      done: i < current ? (total ?? 7) : i > current ? 0 : Math.floor((total ?? 50) * next()),
      rate: next() < 0.7 ? next() * 1000 : null
    });
  });
  const share = stages.reduce(
    (sum, each) =>
      sum +
      each.weight * (each.state === 'succeeded' ? 1 : each.total ? each.done / each.total : 0),
    0
  );
  return snapshot({
    stages,
    stage: `stage ${current}`,
    fraction: share / stages.reduce((sum, each) => sum + each.weight, 0),
    estimate: next() < 0.85 ? estimate(next() * 10 ** (next() * 5), next()) : null
  });
}

describe('a simulation from the last estimate', () => {
  it('runs at the pace that the estimate says', () => {
    const half = simulate(files(40, 30), 15);
    expect(half.stages[0]?.done).toBeCloseTo(70);
    expect(half.fraction).toBeCloseTo(0.7);
    expect(half.estimate).toMatchObject({ p10_s: expect.any(Number) as number, p50_s: 15 });
    expect(half.estimate?.p90_s).toBeCloseTo(30);
  });

  it('moves one stage of several at its own rate, and the whole by that stage’s weight', () => {
    const two = snapshot({ estimate: estimate(600) });
    const later = simulate(two, 10);
    expect(later.stages.map(each => each.done)).toEqual([64, 0]);
    expect(later.fraction).toBeCloseTo(0.32);
    expect(later.estimate?.p50_s).toBe(590);
  });

  it('never arrives, never turns round, and stays beyond what was told, for whatever operation', () => {
    const random = numbers(4);
    for (let run = 0; run < 200; run++) {
      const told = anyRunning(random);
      let before = simulate(told, 0);
      for (const for_s of [0.5, 2, 10, 60, 600, 3_600, 86_400, 3e7]) {
        const now = simulate(told, for_s);
        expect(now.fraction).toBeGreaterThanOrEqual(before.fraction!);
        expect(now.fraction).toBeLessThan(1);
        now.stages.forEach((each, i) => {
          expect(each.state).toBe(told.stages[i]?.state);
          expect(each.done).toBeGreaterThanOrEqual(before.stages[i]!.done);
          if (each.state === 'running' && each.total !== null) {
            expect(each.done).toBeLessThan(Math.max(each.total, 1e-9));
          }
        });
        if (now.estimate !== null && before.estimate !== null) {
          const [p10, p50, p90] = [now.estimate.p10_s!, now.estimate.p50_s, now.estimate.p90_s!];
          expect(p10).toBeLessThanOrEqual(p50 + 1e-9);
          expect(p50).toBeLessThanOrEqual(p90 + 1e-9);
          expect(p50).toBeGreaterThanOrEqual(0);
          expect(p50).toBeLessThanOrEqual(before.estimate.p50_s);
        }
        before = now;
      }
    }
  });

  it.each([
    ['has no estimate', files(40)],
    ['is paused', files(40, 30, { state: 'paused' })],
    ['had not been heard of before', files(40, 30, { hub: { ...hub, lease: 'stale' } })]
  ])('stands still for an operation that %s', (_, told) => {
    expect(simulate(told, 60)).toBe(told);
  });

  it('only counts the time down where the stage has no end', () => {
    const endless = stage({ name: 'main', state: 'running', done: 7, rate: 1 });
    const told = files(7, 30, { stages: [endless], fraction: null });
    const later = simulate(told, 10);
    expect([later.fraction, later.stages[0]?.done, Math.round(later.estimate!.p50_s)]).toEqual([
      null,
      7,
      20
    ]);
  });
});

describe('a bar between two messages', () => {
  it('goes on at the rate of its stage, and not to the end', () => {
    expect(interpolate(files(40), 1).stages[0]?.done).toBe(42);
    expect(interpolate(files(99), 10).stages[0]?.done).toBeLessThan(100);
    expect(interpolate(files(40, 30, { state: 'paused' }), 1).stages[0]?.done).toBe(40);
  });
});

/** What is shown of an operation over time: each step is a message or a second of silence. */
class Screen {
  private follower = new Follower();
  private told = files(0);
  now = NOW;

  tell(told: Snapshot): IShown {
    this.told = { ...told, hub: { ...hub, changed_at: this.now } };
    return this.live(0);
  }

  live(seconds: number): IShown {
    this.now += seconds;
    return this.follower.show(this.told, this.now, null);
  }

  offline(for_s: number, step = 1): IShown {
    const start = this.now;
    let shown = this.follower.show(this.told, this.now, 0);
    while (this.now < start + for_s) {
      this.now += step;
      shown = this.follower.show(this.told, this.now, this.now - start);
    }
    return shown;
  }
}

const done = (shown: IShown): number => shown.snapshot.stages[0]!.done;
const bar = (shown: IShown): number => shown.bar[0]!.done;

describe('what is shown of an operation', () => {
  it('is in words what the hub told, while the bar goes on for one interval', () => {
    const screen = new Screen();
    screen.tell(files(40));
    screen.live(1);
    screen.tell(files(42));
    const [soon, late] = [screen.live(0.5), screen.live(30)];
    expect([done(soon), bar(soon), soon.simulated]).toEqual([42, 43, false]);
    expect([done(late), bar(late)]).toEqual([42, 44]);
  });

  it('does not take a bar back that went on a little too far', () => {
    const screen = new Screen();
    screen.tell(files(40));
    screen.live(1);
    screen.tell(files(42));
    screen.live(1);
    const next = screen.tell(files(43));
    expect([done(next), bar(next)]).toEqual([43, 44]);
  });

  it('says that it follows the estimate while the line is down, in whole files', () => {
    const screen = new Screen();
    screen.tell(files(40, 30));
    const shown = screen.offline(12.25, 0.25);
    expect(shown.simulated).toBe(true);
    expect(done(shown)).toBe(64);
    expect(bar(shown)).toBeCloseTo(64.5);
    expect(shown.snapshot.estimate?.p50_s).toBeCloseTo(17.75);
  });

  it('jumps forward to a truth that is further', () => {
    const screen = new Screen();
    screen.tell(files(40, 300));
    screen.offline(10);
    const shown = screen.tell(files(90));
    expect([done(shown), shown.snapshot.fraction, shown.simulated]).toEqual([90, 0.9, false]);
  });

  it('waits for a truth that lags behind, and says so until it has caught up', () => {
    const screen = new Screen();
    screen.tell(files(40, 30));
    const ahead = done(screen.offline(15));
    let shown = screen.tell(files(60));
    expect([done(shown), shown.simulated]).toEqual([ahead, true]);
    for (let count = 61; count <= 75; count++) {
      screen.live(0.5);
      const before = done(shown);
      shown = screen.tell(files(count));
      expect(done(shown)).toBe(Math.max(before, count));
    }
    expect([done(shown), shown.simulated]).toEqual([75, false]);
  });

  it('goes back slowly to a truth that does not catch up, and is wrong for half a minute at most', () => {
    const screen = new Screen();
    screen.tell(files(40, 30));
    screen.offline(24);
    let shown = screen.tell(files(44));
    for (let second = 0; second < 31; second++) {
      const before = shown.snapshot.fraction!;
      shown = screen.live(1);
      expect(before - shown.snapshot.fraction!).toBeLessThan(0.05);
    }
    expect(shown).toMatchObject({ simulated: false, snapshot: { fraction: 0.44 } });
  });

  it('follows a count that the user sets back, and shows an end at once', () => {
    const screen = new Screen();
    screen.tell(files(40, 30));
    expect(done(screen.tell(files(10)))).toBe(10);
    screen.offline(20);
    const end = files(50, null, { state: 'failed', estimate: null });
    expect(screen.tell(end)).toMatchObject({ simulated: false, snapshot: { fraction: 0.5 } });
  });

  it('stands, and does not call itself simulated, where nothing is estimated', () => {
    const screen = new Screen();
    screen.tell(files(40));
    expect(screen.offline(60)).toMatchObject({ simulated: false, snapshot: { fraction: 0.4 } });
  });

  it('starts over for another operation', () => {
    const follower = new Follower();
    follower.show(files(80, 30), NOW, 20);
    const other = follower.show(files(10, 30, { id: 'op_2' }), NOW, null);
    expect(done(other)).toBe(10);
  });

  it('never jumps backwards nor passes the end, whatever comes when', () => {
    const random = numbers(11);
    const next = (): number => random.next().value as number;
    for (let run = 0; run < 40; run++) {
      const screen = new Screen();
      let count = 0;
      let shown = screen.tell(files(0, 50));
      const advance = 1 + 4 * next();
      while (count < 99) {
        const before = shown;
        const offline = next() < 0.2;
        if (offline) {
          shown = screen.offline(1 + Math.floor(next() * 60));
        } else {
          const step = next();
          screen.live(step / 2);
          count = Math.min(99, count + step * advance);
          shown = screen.tell(files(count, next() < 0.9 ? (100 - count) * next() * 4 : null));
          // It may go back by a little: at most what it led by, over the time that it has for that.
          expect(before.snapshot.fraction! - shown.snapshot.fraction!).toBeLessThan(0.04);
        }
        expect(shown.snapshot.fraction).toBeGreaterThanOrEqual(count / 100);
        expect(shown.snapshot.fraction).toBeLessThan(1);
        expect(bar(shown)).toBeLessThan(100);
      }
    }
  });
});
