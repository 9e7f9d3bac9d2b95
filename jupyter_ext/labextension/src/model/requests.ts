import { type ISignal, Signal } from '@lumino/signaling';

import type { Action } from '../protocol';

/** What was last asked of an operation from this page. */
export interface IRequest {
  /** `interrupt` goes to the operation's kernel. */
  readonly action: Action | 'interrupt';
  /** When, in milliseconds of this machine's clock. */
  readonly at: number;
  /** Why it was refused; null while it waits for its effect. */
  readonly refused: string | null;
}

/** What was asked of operations from this page, so that all places that show an operation agree on it. */
export class Requests {
  constructor(private readonly now: () => number = () => Date.now()) {}

  /** Emitted with the id of the operation. */
  get changed(): ISignal<this, string> {
    return this._changed;
  }

  get(id: string): IRequest | null {
    return this._requests.get(id) ?? null;
  }

  /** Note that `action` was asked; `answer` resolves with null where it was accepted, else with what was wrong. */
  async ask(id: string, action: IRequest['action'], answer: Promise<string | null>): Promise<void> {
    const request: IRequest = { action, at: this.now(), refused: null };
    this._set(id, request);
    const refused = await answer.catch((error: unknown) =>
      error instanceof Error ? error.message : String(error)
    );
    if (refused !== null && this._requests.get(id) === request) {
      this._set(id, { ...request, refused });
    }
  }

  forget(id: string): void {
    this._requests.delete(id);
  }

  private _set(id: string, request: IRequest): void {
    this._requests.set(id, Object.freeze(request));
    this._changed.emit(id);
  }

  private readonly _requests = new Map<string, IRequest>();
  private readonly _changed = new Signal<this, string>(this);
}
