import { isTerminal, type Snapshot, type Stage } from '../protocol';

/** What a viewer knows beside the snapshot. Times are in seconds. */
export interface IWatch {
  /** The hub's clock. */
  readonly now: number;
  /** For how long this viewer's line to the hub has been down; null while it is live. */
  readonly offlineFor_s: number | null;
  /** False when the snapshot comes from a saved output and the hub does not know the operation. */
  readonly known: boolean;
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
  | 'unknown';

/** A final state is certain whatever the line does; an open one is only as good as what it was heard over. */
export function lookOf(snapshot: Snapshot, watch: IWatch): Look {
  if (isTerminal(snapshot.state)) {
    return snapshot.error?.type === LOST ? 'lost' : snapshot.state;
  }
  if (!watch.known) {
    return 'unknown';
  }
  if (watch.offlineFor_s !== null) {
    return 'offline';
  }
  const lease = snapshot.hub?.lease ?? 'ok';
  return lease === 'ok' ? snapshot.state : lease;
}

/** The error type of an operation whose kernel is known to have died. */
export const LOST = 'Lost';

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

/** Where an operation runs, in as few words as name it. */
export function whereOf(snapshot: Snapshot): string {
  const { notebook, script, host, pid } = snapshot.origin;
  const path = notebook ?? script;
  if (path !== null) {
    return path.split(/[/\\]/).pop() ?? path;
  }
  return [pid === null ? null : `pid ${pid}`, host].filter(part => part !== null).join(' on ');
}
