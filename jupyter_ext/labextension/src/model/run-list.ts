import { type ISignal, Signal } from '@lumino/signaling';

import { isTerminal, type Snapshot } from '../protocol';
import { type IRun, type IUsual, runOf, usualOf } from './history';
import type { OperationsModel } from './operations';

/** How far the history has been read. */
export interface IReading {
  readonly busy: boolean;
  /** Whether everything that the server has is here. */
  readonly complete: boolean;
  /** What went wrong when it was last asked. */
  readonly error: string | null;
}

/** The runs that a page knows, in no order. What was deleted does not come back. */
export class RunList {
  /** Emitted after each change, of the runs or of how far they are read. */
  get changed(): ISignal<this, void> {
    return this._changed;
  }

  get reading(): IReading {
    return this._reading;
  }

  /** All runs; the same array until something changes. */
  get runs(): readonly IRun[] {
    this._runs ??= [...this._byId.values()];
    return this._runs;
  }

  /** What is usual for each kind, as far as runs are known. */
  get usual(): ReadonlyMap<string, IUsual> {
    this._usual ??= usualOf(this._byId.values());
    return this._usual;
  }

  /** Kind → how many runs of it there are, here or at the server. */
  get kinds(): ReadonlyMap<string, number> {
    this._kinds ??= this._counted();
    return this._kinds;
  }

  has(id: string): boolean {
    return this._byId.has(id);
  }

  add(snapshots: Iterable<Snapshot>): void {
    let changed = false;
    for (const snapshot of snapshots) {
      if (!this._deleted.has(snapshot.id)) {
        this._byId.set(snapshot.id, runOf(snapshot));
        changed = true;
      }
    }
    if (changed) {
      this._touch();
    }
  }

  /** Forget all, to read it anew. */
  clear(): void {
    this._byId.clear();
    this._touch();
  }

  /** Take out what was deleted for good. */
  remove(wanted: (run: IRun) => boolean): void {
    for (const run of this.runs.filter(wanted)) {
      this._byId.delete(run.id);
      this._deleted.add(run.id);
      if (run.kind !== null) {
        this._told.set(run.kind, Math.max(0, (this._told.get(run.kind) ?? 0) - 1));
      }
    }
    this._touch();
  }

  /** What the server says of how many runs each kind has. */
  setKinds(kinds: Iterable<{ kind: string; runs: number }>): void {
    this._told = new Map([...kinds].map(({ kind, runs }) => [kind, runs]));
    this._touch();
  }

  setReading(reading: Partial<IReading>): void {
    this._reading = { ...this._reading, ...reading };
    this._changed.emit();
  }

  /** Take in each operation of `model` as it ends. */
  follow(model: OperationsModel): void {
    model.changed.connect((_, { ids }) => {
      const ended = [...ids].map(id => model.get(id)).filter(known => known !== undefined);
      this.add(ended.filter(({ state }) => isTerminal(state)));
    }, this);
    this.add(model.list().filter(({ state }) => isTerminal(state)));
  }

  dispose(): void {
    Signal.clearData(this);
  }

  private _touch(): void {
    this._runs = null;
    this._usual = null;
    this._kinds = null;
    this._changed.emit();
  }

  private _counted(): Map<string, number> {
    const here = new Map<string, number>();
    for (const { kind } of this._byId.values()) {
      if (kind !== null) {
        here.set(kind, (here.get(kind) ?? 0) + 1);
      }
    }
    const kinds = new Set([...here.keys(), ...this._told.keys()]);
    return new Map(
      [...kinds]
        .map(kind => [kind, Math.max(here.get(kind) ?? 0, this._told.get(kind) ?? 0)] as const)
        .filter(([, runs]) => runs > 0)
        .sort(([a], [b]) => a.localeCompare(b))
    );
  }

  private _byId = new Map<string, IRun>();
  private _deleted = new Set<string>();
  private _runs: readonly IRun[] | null = null;
  private _told = new Map<string, number>();
  private _kinds: ReadonlyMap<string, number> | null = null;
  private _usual: ReadonlyMap<string, IUsual> | null = null;
  private _reading: IReading = { busy: false, complete: false, error: null };
  private _changed = new Signal<this, void>(this);
}
