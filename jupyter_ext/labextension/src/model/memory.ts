import { isTerminal, type Snapshot } from '../protocol';
import { type IPace, paced } from './pace';
import { Trend } from './trend';

/** More metrics of one operation than this keep no course. */
const MOST_TRENDS = 16;

/** What this page remembers of the operations it saw: a snapshot says how it is, not how it came to be so. */
export class OperationMemory {
  /** Take in an operation's newest snapshot; `now` is in seconds of the hub's clock. */
  observe(snapshot: Snapshot, now: number): void {
    const known = this._entries.get(snapshot.id);
    const entry = known ?? { seq: -1, pace: undefined, trends: new Map<string, Trend>() };
    if (known === undefined) {
      this._entries.set(snapshot.id, entry);
    }
    entry.pace = isTerminal(snapshot.state) ? undefined : paced(entry.pace, snapshot, now);
    if (snapshot.seq === entry.seq) {
      // The hub told again what it believes; the operation itself said nothing new.
      return;
    }
    entry.seq = snapshot.seq;
    for (const [name, value] of Object.entries(snapshot.metrics)) {
      if (value !== null) {
        const trend = entry.trends.get(name);
        if (trend !== undefined) {
          trend.add(value);
        } else if (entry.trends.size < MOST_TRENDS) {
          const first = new Trend();
          first.add(value);
          entry.trends.set(name, first);
        }
      }
    }
  }

  forget(id: string): void {
    this._entries.delete(id);
  }

  /** How the operation has counted lately; null where that is not known, or where it has ended. */
  pace(id: string): IPace | null {
    return this._entries.get(id)?.pace ?? null;
  }

  /** The course of a metric since this page first saw it, oldest first. */
  trend(id: string, metric: string): readonly number[] {
    return this._entries.get(id)?.trends.get(metric)?.values ?? [];
  }

  private readonly _entries = new Map<string, IEntry>();
}

interface IEntry {
  seq: number;
  pace: IPace | undefined;
  readonly trends: Map<string, Trend>;
}
