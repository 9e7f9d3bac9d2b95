import type { Snapshot } from '../protocol';
import { type IOutline, type IView, outline, sameShape } from './outline';

/** Where the operations come from. */
export interface ISource {
  get(id: string): Snapshot | undefined;
  list(): Snapshot[];
}

/**
 * Keeps the outline of a thousand operations: a count that moves leaves all rows where they are, and so the outline
 * is made anew only when an operation comes, goes, or changes its state or its place.
 */
export class Outliner {
  constructor(private readonly source: ISource) {}

  /** These operations have changed. */
  note(ids: Iterable<string>): void {
    for (const id of ids) {
      if (this._moved) {
        return;
      }
      const before = this._placed.get(id);
      const after = this.source.get(id);
      this._moved = before === undefined || after === undefined || !sameShape(before, after);
    }
  }

  /** The outline as it is now: the same object as before while nothing has moved. */
  show(view: IView): IOutline {
    if (this._outline === null || this._moved || view !== this._view) {
      const operations = this.source.list();
      this._placed = new Map(operations.map(operation => [operation.id, operation]));
      this._outline = outline(operations, view);
      this._view = view;
      this._moved = false;
    }
    return this._outline;
  }

  private _placed = new Map<string, Snapshot>();
  private _view: IView | null = null;
  private _outline: IOutline | null = null;
  private _moved = true;
}
