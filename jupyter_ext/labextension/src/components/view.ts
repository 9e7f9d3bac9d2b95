import type { IPace } from '../model';
import { isTerminal, type Snapshot, type Stage } from '../protocol';

/** What a viewer knows beside the snapshot. Times are in seconds. */
export interface IWatch {
  /** The hub's clock. */
  readonly now: number;
  /** For how long this viewer's line to the hub has been down; null while it is up. */
  readonly offlineFor_s: number | null;
  /** While the line is down: whether the snapshot was carried on from the last one that was heard. */
  readonly simulated: boolean;
  /** False when the snapshot comes from a saved output and the hub does not know the operation. */
  readonly known: boolean;
  /** How it has counted lately; null where nobody watched. */
  readonly pace: IPace | null;
}

/** How an operation is drawn: its state, unless something makes the state doubtful. */
export type Look =
  | 'pending'
  | 'running'
  | 'paused'
  | 'succeeded'
  | 'failed'
  | 'cancelled'
  | 'stale'
  | 'lost'
  | 'offline'
  | 'simulated'
  | 'unknown'
  | 'other';

const STATES: readonly string[] = ['pending', 'running', 'paused'];

/** A final state is certain whatever the line does; an open one is only as good as what it was heard over. */
export function lookOf(snapshot: Snapshot, watch: IWatch): Look {
  if (isTerminal(snapshot.state)) {
    return snapshot.error?.type === LOST ? 'lost' : snapshot.state;
  }
  if (!watch.known) {
    return 'unknown';
  }
  const lease = snapshot.hub?.lease ?? 'ok';
  if (lease === 'lost') {
    return lease;
  }
  if (watch.offlineFor_s !== null) {
    return watch.simulated && snapshot.state === 'running' ? 'simulated' : 'offline';
  }
  // A newer hub may know more states than this page.
  return lease === 'stale' ? lease : STATES.includes(snapshot.state) ? snapshot.state : 'other';
}

/** The error type of an operation whose kernel is known to have died. */
export const LOST = 'Lost';

/** Whether its publisher can be asked for something. */
export function isWithinReach(look: Look): boolean {
  return ['pending', 'running', 'paused', 'stale', 'other'].includes(look);
}

/** A mark of less than this is within what runs differ by. */
const NOTABLE_SLOWDOWN = 1.3;

/** How many times slower than usual it is, where that is worth a mark; else null. */
export function slowdownOf(snapshot: Snapshot, look: Look): number | null {
  const slowdown = snapshot.estimate?.slowdown ?? null;
  const shown = look === 'running' || look === 'simulated';
  return shown && slowdown !== null && slowdown >= NOTABLE_SLOWDOWN ? slowdown : null;
}

/** It has not counted for this many times the usual. */
const STALLED_TIMES = 5;
/** No operation is called stalled sooner, however fast it usually counts. In seconds. */
const STALLED_AFTER_S = 10;

/** For how long a running operation has not counted although it should have, in seconds; else null. */
export function stalledFor(snapshot: Snapshot, watch: IWatch): number | null {
  const { pace, now } = watch;
  if (pace === null || pace.usual_s === null || lookOf(snapshot, watch) !== 'running') {
    return null;
  }
  const quiet = now - pace.changedAt;
  return quiet > Math.max(STALLED_AFTER_S, STALLED_TIMES * pace.usual_s) ? quiet : null;
}

/** How much of a stage's segment is filled, 0 to 1. */
export function filled(stage: Stage): number {
  if (stage.state === 'succeeded') {
    return 1;
  }
  if (stage.state === 'skipped' || stage.total === null) {
    return 0;
  }
  return stage.total > 0 ? Math.min(1, stage.done / stage.total) : Number(stage.done > 0);
}

/** Whether a stage is worked on without an end that is known. */
export function isOpenEnded(stage: Stage): boolean {
  return stage.total === null && (stage.state === 'running' || stage.state === 'paused');
}

/** The stage that is worked on, or in which the operation failed or was cancelled. */
export function currentStage(snapshot: Snapshot): Stage | null {
  const { stage: name, stages, state } = snapshot;
  const endedIn = state === 'failed' || state === 'cancelled' ? state : null;
  return stages.find(stage => stage.name === name || stage.state === endedIn) ?? null;
}

/** The counter that says best how much was done: the longest stage that counted something with a name. */
export function mainStage(snapshot: Snapshot): Stage | null {
  return snapshot.stages
    .filter(stage => stage.done > 0 && stage.unit !== '')
    .reduce<Stage | null>(
      (best, stage) => ((stage.elapsed_s ?? 0) > (best?.elapsed_s ?? -1) ? stage : best),
      null
    );
}

/** When the hub last heard something new, in wall-clock seconds; null where nobody knows. */
export function lastSeen(snapshot: Snapshot): number | null {
  if (snapshot.hub !== null && snapshot.hub.changed_at > 0) {
    return snapshot.hub.changed_at;
  }
  return snapshot.started_at === null
    ? null
    : snapshot.started_at + (snapshot.elapsed_s ?? 0) + snapshot.paused_s;
}

/**
 * The end time to show: the one shown before, until the new one differs by more than a tenth of what is left and by
 * more than half a minute. So the minute on the screen does not flicker between two values.
 */
export function steadyEnd(shown: number | null, next: number, now: number): number {
  const tolerance = Math.max(30, (next - now) / 10);
  return shown !== null && shown > now && Math.abs(next - shown) <= tolerance ? shown : next;
}
