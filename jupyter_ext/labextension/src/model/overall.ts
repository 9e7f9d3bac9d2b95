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
  const running = new Map<string, Snapshot>();
  for (const snapshot of operations) {
    if (snapshot.state === 'running' && snapshot.hub?.lease !== 'lost') {
      running.set(snapshot.id, snapshot);
    }
  }
  const outer = [...running.values()].filter(
    ({ parent }) => parent === null || !running.has(parent)
  );
  if (outer.length === 0) {
    return NOTHING;
  }
  const fractions = outer.flatMap(({ fraction }) => (fraction === null ? [] : [fraction]));
  const left = outer.map(snapshot => leftAt(snapshot, now));
  return {
    running: outer.length,
    fraction:
      fractions.length === 0
        ? null
        : fractions.reduce((sum, fraction) => sum + fraction, 0) / fractions.length,
    left_s: left.reduce((most, one) => (most === null || one === null ? null : Math.max(most, one)))
  };
}

/** Seconds that an operation still needs at `now`: its estimate, less the time since it was made. */
function leftAt({ estimate, hub }: Snapshot, now: number): number | null {
  return estimate === null
    ? null
    : Math.max(0, estimate.p50_s - Math.max(0, now - (hub?.changed_at ?? now)));
}
