import { isTerminal, type Snapshot } from '../protocol';

/** How long an operation is believed alive without a word from its kernel, in seconds; after half of it, it is stale. */
export const LEASE_S = 15;
/** So many operations are remembered, the ones that were heard of last. */
const MOST = 1_000;

/** An operation that a kernel told of past the hub. */
interface IHeard {
  snapshot: Snapshot;
  /** When it was last heard of, in seconds of the page's own clock. */
  at: number;
}

/**
 * What kernels told this page of operations that no hub knows. They have no hub that believes or stores anything:
 * whether they are alive, the page decides by its own clock.
 *
 * Every method returns what is to be shown anew.
 */
export class Overheard {
  /**
   * @param told - what a kernel said, in one message.
   * @param now - seconds of a clock of the page that never goes back.
   * @param wall - the wall-clock time in seconds, as it is shown.
   */
  hear(told: readonly Snapshot[], now: number, wall: number): Snapshot[] {
    const changed: Snapshot[] = [];
    for (const snapshot of told) {
      const before = this._heard.get(snapshot.id);
      if (before !== undefined && isTerminal(before.snapshot.state)) {
        continue; // an end is final
      }
      const known = before?.snapshot.hub;
      const isNews = before === undefined || snapshot.seq > before.snapshot.seq;
      const hub: Snapshot['hub'] = {
        lease: 'ok',
        first_seen_at: known?.first_seen_at ?? wall,
        changed_at: isNews ? wall : (known?.changed_at ?? wall),
        via: 'iopub',
        owner: '',
        stored: false
      };
      // Nobody but the hub carries commands.
      const shown = { ...(isNews ? snapshot : before.snapshot), actions: [], hub };
      this._heard.delete(snapshot.id);
      this._heard.set(snapshot.id, { snapshot: shown, at: now });
      if (isNews || known?.lease !== 'ok') {
        changed.push(shown);
      }
    }
    while (this._heard.size > MOST) {
      this._heard.delete(this._heard.keys().next().value as string);
    }
    return changed;
  }

  /** Whether anything is heard of that has not ended. */
  get open(): boolean {
    return [...this._heard.values()].some(({ snapshot }) => !isTerminal(snapshot.state));
  }

  /** Look at the clock. */
  tick(now: number): Snapshot[] {
    return this._believe(({ at }) => {
      const silent = now - at;
      return silent >= LEASE_S ? 'lost' : silent >= LEASE_S / 2 ? 'stale' : 'ok';
    });
  }

  /** The kernel is dead, or was started again. */
  died(kernelId: string): Snapshot[] {
    return this._believe(({ snapshot }) =>
      snapshot.origin.kernel_id === kernelId ? 'lost' : (snapshot.hub?.lease ?? 'ok')
    );
  }

  private _believe(lease: (heard: IHeard) => 'ok' | 'stale' | 'lost'): Snapshot[] {
    const changed: Snapshot[] = [];
    for (const heard of this._heard.values()) {
      const { hub, state } = heard.snapshot;
      const believed = lease(heard);
      // What is lost comes back by its own word alone.
      if (hub !== null && !isTerminal(state) && hub.lease !== 'lost' && hub.lease !== believed) {
        heard.snapshot = { ...heard.snapshot, hub: { ...hub, lease: believed } };
        changed.push(heard.snapshot);
      }
    }
    return changed;
  }

  private readonly _heard = new Map<string, IHeard>();
}
