import type { IActions } from '../components/parts';
import type { IRequest } from '../model';
import { OperationMemory } from '../model/memory';
import { type Action, isTerminal, type Snapshot } from '../protocol';
import { type ICommandResult, type IModel, toldBy } from './host';

/** A kernel that has not answered by then is busy with the cell and hears no widget. In milliseconds. */
const UNHEARD_MS = 5_000;
const UNHEARD = 'the kernel hears no widget while a cell runs; interrupt it instead';

/** One operation in one view: what its kernel told of it, and what was asked of it from here. */
export class LiveOperation implements IActions {
  constructor(private readonly _model: IModel) {
    this.snapshot = this._hear();
    for (const [event, listener] of this._listeners) {
      _model.on(event, listener);
    }
  }

  /** The kernel's clock, in seconds. */
  readonly clock = { now: () => Date.now() / 1000 + this._ahead };
  readonly memory = new OperationMemory();
  snapshot: Snapshot;
  request: IRequest | null = null;

  /** Called after each change. */
  onChange: () => void = nothing;

  /** Ask the kernel for something. */
  ask(_: Snapshot, action: Action): void {
    const request = String(Math.random());
    this._asked = request;
    this._note({ action, at: Date.now(), refused: null });
    this._model.send({ type: 'command', request, action });
    window.setTimeout(() => this._answer(request, UNHEARD), UNHEARD_MS);
  }

  dispose(): void {
    for (const [event, listener] of this._listeners) {
      this._model.off(event, listener);
    }
  }

  private _onTold(): void {
    const { state } = this.snapshot;
    this.snapshot = this._hear();
    if (this.snapshot.state !== state) {
      this.request = null; // what was asked for has come, or makes no sense any more
    }
    this.onChange();
  }

  /** It is live from its beginning; what changes is that its kernel goes. */
  private _onGone(): void {
    const { snapshot } = this;
    if (snapshot.hub !== null && !isTerminal(snapshot.state)) {
      this.snapshot = { ...snapshot, hub: { ...snapshot.hub, lease: 'lost' } };
      this.onChange();
    }
  }

  /** What the hub would add is known here: the kernel is heard directly, and by its own clock. */
  private _hear(): Snapshot {
    const { snapshot, now } = toldBy(this._model);
    this._ahead = now - Date.now() / 1000;
    const heard: Snapshot = {
      ...snapshot,
      hub: {
        lease: 'ok',
        first_seen_at: now,
        changed_at: now,
        via: 'iopub',
        owner: '',
        stored: false
      }
    };
    this.memory.observe(heard, now);
    return heard;
  }

  private _answer(request: string, error: string | null): void {
    if (request === this._asked && this.request !== null) {
      this._asked = null;
      this._note({ ...this.request, refused: error });
    }
  }

  private _note(request: IRequest): void {
    this.request = request;
    this.onChange();
  }

  private readonly _listeners: readonly [string, (content: unknown) => void][] = [
    ['change:_told', () => this._onTold()],
    [
      'msg:custom',
      content => {
        const { request, error } = content as ICommandResult;
        this._answer(request, error);
      }
    ],
    ['comm_live_update', () => this._onGone()]
  ];
  private _ahead = 0;
  /** The request that waits for its answer. */
  private _asked: string | null = null;
}

function nothing(): void {
  // Nobody listens.
}
