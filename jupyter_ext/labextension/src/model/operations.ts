import { type ISignal, Signal } from '@lumino/signaling';

import { isTerminal, type Snapshot } from '../protocol';
import { HubClock } from './clock';
import type { ILine } from './line';

/** What changed: these operations, and perhaps the line to the hub. */
export interface IChange {
  readonly ids: ReadonlySet<string>;
  readonly line: boolean;
}

/** What a page knows of the hub's operations. Entries are frozen; every change is told by the one signal. */
export class OperationsModel {
  constructor(readonly clock: HubClock = new HubClock()) {}

  /** Emitted after each change, with what changed. */
  get changed(): ISignal<this, IChange> {
    return this._changed;
  }

  /** Whether the hub has told its whole state since the page was loaded. */
  get synced(): boolean {
    return this._first !== null;
  }

  /** Whether the hub told of this operation already in its first whole answer: it was there before this page. */
  wasThere(id: string): boolean {
    return this._first?.has(id) ?? false;
  }

  get line(): ILine {
    return this._line;
  }

  /** The id of the hub, once known. */
  get hubId(): string | null {
    return this._hubId;
  }

  get(id: string): Snapshot | undefined {
    return this._entries.get(id);
  }

  /** All operations, in no order. */
  all(): Iterable<Snapshot> {
    return this._entries.values();
  }

  /** All operations: the open ones first, in each group the newest first. */
  list(): Snapshot[] {
    return [...this._entries.values()].sort(
      (a, b) => Number(isTerminal(a.state)) - Number(isTerminal(b.state)) || recency(b) - recency(a)
    );
  }

  /** Take in what a complete answer of the hub changed. An operation may be both removed and told anew. */
  swap(changed: readonly Snapshot[], removed: readonly string[]): void {
    const ids = new Set<string>(removed);
    for (const id of removed) {
      this._entries.delete(id);
    }
    for (const snapshot of changed) {
      this._entries.set(snapshot.id, deepFreeze(newest(this._entries.get(snapshot.id), snapshot)));
      ids.add(snapshot.id);
    }
    const first = this._first === null;
    this._first ??= new Set(this._entries.keys());
    if (ids.size > 0 || first) {
      this._changed.emit({ ids, line: first });
    }
  }

  /** Take in what a kernel told past the hub. What the hub knows itself is left as it is. */
  overhear(told: readonly Snapshot[]): void {
    const ids = new Set<string>();
    for (const snapshot of told) {
      const held = this._entries.get(snapshot.id);
      if (held === undefined || held.hub?.via === 'iopub') {
        this._entries.set(snapshot.id, deepFreeze(snapshot));
        ids.add(snapshot.id);
      }
    }
    if (ids.size > 0) {
      this._changed.emit({ ids, line: false });
    }
  }

  setLine(line: ILine): void {
    const { state, reason } = this._line;
    if (line.state !== state || line.reason !== reason || line.downSince !== this._line.downSince) {
      this._line = Object.freeze(line);
      this._changed.emit({ ids: NONE, line: true });
    }
  }

  setHubId(hubId: string): void {
    if (hubId !== this._hubId) {
      this._hubId = hubId;
      this._changed.emit({ ids: NONE, line: true });
    }
  }

  private _entries = new Map<string, Snapshot>();
  private _changed = new Signal<this, IChange>(this);
  private _first: ReadonlySet<string> | null = null;
  private _hubId: string | null = null;
  private _line: ILine = Object.freeze({
    state: 'connecting',
    downSince: Date.now(),
    reason: null
  });
}

const NONE: ReadonlySet<string> = new Set();

/**
 * What to show of two snapshots. A hub that was killed comes back with what it had stored, which may be older than
 * what this page saw: until the publisher is heard again, its count does not run backwards.
 */
function newest(held: Snapshot | undefined, told: Snapshot): Snapshot {
  const older = held !== undefined && told.seq < held.seq;
  const unheard = told.hub !== null && told.hub.lease !== 'ok';
  return older && unheard ? { ...held, hub: told.hub } : told;
}

function recency(snapshot: Snapshot): number {
  return snapshot.ended_at ?? snapshot.started_at ?? snapshot.hub?.first_seen_at ?? 0;
}

function deepFreeze<T extends object>(value: T): T {
  for (const part of Object.values(value)) {
    if (typeof part === 'object' && part !== null && !Object.isFrozen(part)) {
      deepFreeze(part as object);
    }
  }
  return Object.freeze(value);
}
