import type { Snapshot } from '../protocol';

/**
 * Seconds that an operation has run at `now` (the hub's clock, seconds): its own count, carried on while it runs and
 * the hub believes it alive. Null when it never said.
 */
export function elapsedAt(snapshot: Snapshot, now: number): number | null {
  if (snapshot.elapsed_s === null) {
    return null;
  }
  if (snapshot.state !== 'running' || snapshot.hub === null || snapshot.hub.lease !== 'ok') {
    return snapshot.elapsed_s;
  }
  return snapshot.elapsed_s + Math.max(0, now - snapshot.hub.changed_at);
}

/** Seconds that an operation has stood still at `now`, by the same reckoning. */
export function pausedAt({ state, paused_s, hub }: Snapshot, now: number): number {
  return state !== 'paused' || hub === null || hub.lease !== 'ok'
    ? paused_s
    : paused_s + Math.max(0, now - hub.changed_at);
}
