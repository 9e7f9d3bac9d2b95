import type { Snapshot } from '../protocol';

/** What runs, all in all. */
export interface IOverall {
  /** How many operations run. */
  readonly running: number;
  /** How far they are, 0 to 1, in the mean of those whose total is known; null where none is known. */
  readonly fraction: number | null;
  /** Seconds until the last of them ends; null while that of any is unknown. */
  readonly left_s: number | null;
}

export const NOTHING: IOverall = Object.freeze({ running: 0, fraction: null, left_s: null });

/**
 * What runs at `now` (the hub's clock, seconds). An operation inside another one that runs is part of that; one that
 * is paused, or was lost, does not run.
 */
export function overallOf(operations: Iterable<Snapshot>, now: number): IOverall {
  const running: Snapshot[] = [];
  const inside = new Set<string>();
  for (const snapshot of operations) {
    if (snapshot.state === 'running' && snapshot.hub?.lease !== 'lost') {
      running.push(snapshot);
      if (snapshot.parent !== null) {
        inside.add(snapshot.parent);
      }
    }
  }
  // Of the parents that are named, only those that run themselves count for their children.
  const outer = new Set(running.filter(({ id }) => inside.has(id)).map(({ id }) => id));
  let count = 0;
  let known = 0;
  let sum = 0;
  let left_s: number | null = 0;
  for (const snapshot of running) {
    if (snapshot.parent !== null && outer.has(snapshot.parent)) {
      continue;
    }
    count++;
    if (snapshot.fraction !== null) {
      known++;
      sum += snapshot.fraction;
    }
    const left = leftAt(snapshot, now);
    left_s = left_s === null || left === null ? null : Math.max(left_s, left);
  }
  return count === 0
    ? NOTHING
    : { running: count, fraction: known === 0 ? null : sum / known, left_s };
}

/** Seconds that an operation still needs at `now`: its estimate, less the time since it was made. */
function leftAt({ estimate, hub }: Snapshot, now: number): number | null {
  return estimate === null
    ? null
    : Math.max(0, estimate.p50_s - Math.max(0, now - (hub?.changed_at ?? now)));
}
