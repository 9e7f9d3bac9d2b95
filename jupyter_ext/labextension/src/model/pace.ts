import type { Snapshot } from '../protocol';

/** How an operation has counted lately. Times are in seconds of the hub's clock. */
export interface IPace {
  /** The stage that was worked on; another one has a pace of its own. */
  readonly stage: string | null;
  readonly state: string;
  /** A number that changes with any of the operation's counts. */
  readonly count: number;
  /** When a count changed last, as far as is known. */
  readonly changedAt: number;
  /** The time between two changes that is usual in this stage; null until one is known. */
  readonly usual_s: number | null;
}

/** The pace after a new snapshot; `before` is undefined for the first one. */
export function paced(before: IPace | undefined, snapshot: Snapshot, now: number): IPace {
  const heardAt = snapshot.hub?.changed_at ?? now;
  const count = countOf(snapshot);
  const { stage, state } = snapshot;
  if (before?.stage !== stage) {
    return { stage, state, count, changedAt: heardAt, usual_s: itemTime(snapshot) };
  }
  if (before.state !== state) {
    // A pause is no interval.
    return { ...before, state, count, changedAt: heardAt };
  }
  if (before.count === count) {
    return before;
  }
  const interval = Math.max(0, heardAt - before.changedAt);
  const mean =
    before.usual_s === null ? interval : before.usual_s + SMOOTHING * (interval - before.usual_s);
  return {
    stage,
    state,
    count,
    changedAt: heardAt,
    usual_s: Math.max(mean, itemTime(snapshot) ?? 0)
  };
}

const SMOOTHING = 0.2;

/** Seconds for one unit of the present stage, by its rate. */
function itemTime({ stages, stage: name }: Snapshot): number | null {
  const rate = stages.find(stage => stage.name === name)?.rate ?? null;
  return rate !== null && rate > 0 ? 1 / rate : null;
}

/** The parts have different weights, so that a task's end, which moves its count into its stage's, does not cancel out. */
function countOf({ stages, tasks }: Snapshot): number {
  let sum = 0;
  for (const { done, counters } of stages) {
    sum += done;
    for (const counter of counters) {
      sum += 0.37 * counter.done;
    }
  }
  for (const task of tasks) {
    sum += 0.73 * task.done + 0.11 * task.attempt;
  }
  return sum;
}
