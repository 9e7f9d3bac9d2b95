import type { Estimate, Snapshot, Stage } from '../protocol';

/** What moves by itself while nothing is heard. Counts may be fractions of a unit. */
export interface ICourse {
  readonly fraction: number | null;
  readonly stages: readonly Stage[];
  readonly estimate: Estimate | null;
}

/** Up to this share of the expected time a simulation runs at the expected pace; then it slows down. */
const STEADY = 0.8;
/** The share of the rest that a simulation never passes: the end is not its to tell. */
const MOST = 0.99;
/** Less than this is no time to simulate over, in seconds. */
const SHORTEST_S = 1;

/**
 * Where an operation probably is, `for_s` seconds after it was last heard, by its last estimate.
 *
 * The stage that it was in moves at its own pace towards its end, and the time left becomes less; both slow down as
 * they come near and never arrive. Without an estimate, and unless it was running, nothing moves.
 */
export function simulate(snapshot: Snapshot, for_s: number): ICourse {
  const { estimate } = snapshot;
  if (!isMoving(snapshot) || estimate === null || for_s <= 0) {
    return snapshot;
  }
  const stage = openStage(snapshot);
  const left = (seconds: number): number => seconds * (1 - course(for_s / atLeast(seconds)));
  return {
    ...(stage === null
      ? snapshot
      : moved(
          snapshot,
          stage,
          (stage.total - stage.done) *
            course(for_s / atLeast(stageEnd_s(snapshot, stage, estimate)))
        )),
    estimate: {
      ...estimate,
      p10_s: estimate.p10_s === null ? null : left(estimate.p10_s),
      p50_s: left(estimate.p50_s),
      p90_s: estimate.p90_s === null ? null : left(estimate.p90_s)
    }
  };
}

/** Where an operation is between two messages: it goes on for `for_s` seconds at the rate that its stage had. */
export function interpolate(snapshot: Snapshot, for_s: number): ICourse {
  const stage = openStage(snapshot);
  const rate = stage?.rate ?? 0;
  if (!isMoving(snapshot) || stage === null || rate <= 0 || for_s <= 0) {
    return snapshot;
  }
  return moved(snapshot, stage, Math.min(rate * for_s, MOST * (stage.total - stage.done)));
}

/** Whether an operation went on when it was last heard of. */
function isMoving({ state, hub }: Snapshot): boolean {
  return state === 'running' && (hub?.lease ?? 'ok') === 'ok';
}

/** The share of a way that is covered after `share` of the time expected for it: 1 is approached, never reached. */
function course(share: number): number {
  const slow = MOST - STEADY;
  return share <= STEADY ? share : STEADY + slow * (1 - Math.exp((STEADY - share) / slow));
}

/** The stage that is worked on, if it has an end and has not reached it. */
function openStage(snapshot: Snapshot): (Stage & { total: number }) | null {
  const stage = snapshot.stages.find(each => each.name === snapshot.stage);
  return stage?.state === 'running' && stage.total !== null && stage.done < stage.total
    ? { ...stage, total: stage.total }
    : null;
}

/** Seconds until a stage ends: all that are left if no other follows, else by its rate, else by its share of the work. */
function stageEnd_s(snapshot: Snapshot, stage: Stage, { p50_s }: Estimate): number {
  const open = snapshot.stages.filter(each => each.state === 'pending' || each.state === 'running');
  if (open.length <= 1) {
    return p50_s;
  }
  if (stage.rate !== null && stage.rate > 0) {
    return ((stage.total ?? 0) - stage.done) / stage.rate;
  }
  const rest = (each: Stage): number =>
    each.weight * (each.total === null ? 1 : Math.max(0, 1 - each.done / each.total));
  return (p50_s * rest(stage)) / open.reduce((sum, each) => sum + rest(each), 0);
}

function moved(
  snapshot: Snapshot,
  stage: Stage & { total: number },
  by: number
): Pick<Snapshot, 'fraction' | 'stages' | 'estimate'> {
  const weights = snapshot.stages.reduce((sum, each) => sum + each.weight, 0);
  return {
    fraction:
      snapshot.fraction === null
        ? null
        : snapshot.fraction +
          Math.min(MOST * (1 - snapshot.fraction), ((by / stage.total) * stage.weight) / weights),
    stages: snapshot.stages.map(each =>
      each.name === stage.name ? { ...each, done: stage.done + by } : each
    ),
    estimate: snapshot.estimate
  };
}

function atLeast(seconds: number): number {
  return Math.max(SHORTEST_S, seconds);
}
