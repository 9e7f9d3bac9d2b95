import type {
  Action,
  ClientMessage,
  HubMessage,
  Inbox,
  NotifyRequest,
  ResumePoint,
  Snapshot,
  StateMessage,
  StateResponse,
  Welcome
} from '../protocol';

/** What an answer to a subscription and one to a question have in common. */
type Told = Omit<StateResponse, 'inbox'>;

/** What the session wants done; the connection does it. */
export type Effect =
  | { do: 'send'; message: ClientMessage }
  | { do: 'swap'; changed: Snapshot[]; removed: string[] }
  | { do: 'live' }
  | { do: 'clock'; now: number }
  | { do: 'welcome'; welcome: Welcome }
  | { do: 'settle'; request: string; error: string | null }
  | { do: 'notify'; request: NotifyRequest }
  | { do: 'inbox'; inbox: Inbox }
  | { do: 'renew' }
  | { do: 'fail'; code: string; message: string };

/**
 * The subscriber's half of the wire, without any IO: frames in, effects out.
 *
 * It outlives its connections. What it holds is the hub's state at one revision of one epoch, the point that the
 * next connection resumes from. Frames of an answer that is not complete yet (`more`) are staged beside it and
 * forgotten when the line drops, so that a half-told change is never shown.
 */
export class SubscriberSession {
  /** @param client - `name/version` of this client; @param subscription - the id of its one subscription. */
  constructor(
    private readonly client: string,
    private readonly subscription = 'all'
  ) {}

  /** The operations, by id, at `revision`. */
  get view(): ReadonlyMap<string, Snapshot> {
    return this._view;
  }

  /** The point that the next connection resumes from: everything up to it is in the view. Null before the first answer. */
  get resume(): ResumePoint | null {
    return this._epoch === null ? null : { epoch: this._epoch, revision: this._revision };
  }

  /** Whether the connection is open and no answer is incomplete. */
  get synced(): boolean {
    return this._told && this._staged === null;
  }

  /** The first frames of a new connection. Nothing waits for the welcome: that would cost a round trip. */
  opened(token: string): Effect[] {
    const { resume } = this;
    this._staged = null;
    return [
      send({ type: 'hello', token, client: this.client, publisher: null }),
      send({ type: 'subscribe', id: this.subscription, ...(resume === null ? {} : { resume }) })
    ];
  }

  /** The connection is gone: what was staged is void, and commands on their way will not be answered. */
  closed(): Effect[] {
    this._staged = null;
    this._told = false;
    const lost = [...this._pending];
    this._pending.clear();
    return lost.map(request => ({ do: 'settle', request, error: 'the connection was lost' }));
  }

  /** One text frame from the hub. Unknown types and fields are ignored. */
  received(frame: string): Effect[] {
    const message = JSON.parse(frame) as HubMessage;
    switch (message.type) {
      case 'welcome':
        return [
          { do: 'clock', now: message.now },
          { do: 'welcome', welcome: message }
        ];
      case 'state':
        return [{ do: 'clock', now: message.now }, ...this._heard(message)];
      case 'bookmark':
        if (message.epoch === this._epoch && this._staged === null) {
          this._revision = Math.max(this._revision, message.revision);
        }
        return [{ do: 'clock', now: message.now }];
      case 'command_result':
        return this._settled(message.request, message.ok ? null : (message.error ?? 'refused'));
      case 'notify':
        return [{ do: 'notify', request: message }];
      case 'inbox':
        return [{ do: 'inbox', inbox: message }];
      case 'error':
        return message.request !== null && this._pending.has(message.request)
          ? this._settled(message.request, message.message)
          : [{ do: 'fail', code: message.code, message: message.message }];
      case 'expiring':
        return [{ do: 'renew' }];
      case 'ping':
        return [send({ type: 'pong' })];
      default:
        return [];
    }
  }

  /** What to ask the REST interface for: an answer that is not complete goes on where it ended. */
  get asked(): ResumePoint | null {
    return this._staged?.resume ?? this.resume;
  }

  /** An answer of the REST interface, which resumes like the socket and stands in for it while there is none. */
  polled(answer: Told): Effect[] {
    return [{ do: 'clock', now: answer.now }, ...this._stated(answer)];
  }

  /** A newer token for the same connection. */
  renewed(token: string): Effect[] {
    return [send({ type: 'refresh', token })];
  }

  /** A sign of life, asked for. */
  ping(): Effect[] {
    return [send({ type: 'ping' })];
  }

  /** Ask an operation to do something; `settle` with the same `request` answers. */
  command(request: string, operation: string, action: Action): Effect[] {
    this._pending.add(request);
    return [send({ type: 'command', request, operation, action })];
  }

  private _heard(message: StateMessage): Effect[] {
    if (message.subscription !== this.subscription) {
      return [];
    }
    const effects = this._stated(message);
    if (effects.length > 0) {
      this._told = true;
      effects.unshift({ do: 'live' });
    }
    return effects;
  }

  private _stated(message: Told): Effect[] {
    const foreign = message.epoch !== (this._staged?.epoch ?? this._epoch);
    if (foreign && !message.reset) {
      // Changes to a state that we do not have mean nothing.
      return [];
    }
    if (!foreign && !message.reset && message.revision < this._revision) {
      // A duplicate from before the resume point.
      return [];
    }
    const staged =
      message.reset || this._staged === null
        ? new Staged(message.epoch, message.reset)
        : this._staged;
    staged.add(message);
    if (message.more) {
      this._staged = staged;
      return [];
    }
    this._staged = null;
    this._epoch = message.epoch;
    this._revision = staged.reset ? message.revision : Math.max(this._revision, message.revision);
    return [this._swap(staged)];
  }

  private _swap(staged: Staged): Effect {
    const changed: Snapshot[] = [];
    const removed = new Set<string>(staged.reset ? this._view.keys() : []);
    // A thousand entries are not copied for each answer.
    const view = staged.reset ? new Map<string, Snapshot>() : this._view;
    for (const [id, snapshot] of staged.operations) {
      if (snapshot === null) {
        view.delete(id);
        removed.add(id);
        continue;
      }
      const held = view.get(id);
      if (held === undefined || held.seq <= snapshot.seq) {
        view.set(id, snapshot);
        changed.push(snapshot);
      }
      removed.delete(id);
    }
    this._view = view;
    return { do: 'swap', changed, removed: [...removed] };
  }

  private _settled(request: string, error: string | null): Effect[] {
    return this._pending.delete(request) ? [{ do: 'settle', request, error }] : [];
  }

  private _view = new Map<string, Snapshot>();
  private _epoch: string | null = null;
  private _revision = 0;
  private _told = false;
  private _staged: Staged | null = null;
  private _pending = new Set<string>();
}

/** The frames of one answer so far; a removed operation is null. */
class Staged {
  constructor(
    readonly epoch: string,
    readonly reset: boolean
  ) {}

  readonly operations = new Map<string, Snapshot | null>();

  /** The point up to which it has been told. */
  get resume(): ResumePoint {
    return { epoch: this.epoch, revision: this._revision };
  }

  add(message: Told): void {
    this._revision = message.revision;
    for (const id of message.removed) {
      this.operations.set(id, null);
    }
    for (const snapshot of message.operations) {
      this.operations.set(snapshot.id, snapshot);
    }
  }

  private _revision = 0;
}

function send(message: ClientMessage): Effect {
  return { do: 'send', message };
}
