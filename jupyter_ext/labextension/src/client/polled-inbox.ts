import type {
  InboxRequest,
  InboxResponse,
  NotifyRequest,
  PolledInbox,
  Read,
  Snapshot,
  StateResponse
} from '../protocol';

export interface IPolledInboxOptions {
  /** Ask the hub to mark what was read, and for leave to tell of ends. */
  ask: (request: InboxRequest) => Promise<InboxResponse>;
  /** The inbox has changed. */
  told: (inbox: PolledInbox) => void;
  /** The user is to be told of these ends. */
  notify: (request: NotifyRequest) => void;
  get: (id: string) => Snapshot | undefined;
  clock: { now(): number };
}

/** What ended longer ago than this, in seconds, waits in the inbox: it is old news to who has just come back. */
const FRESH_S = 30;

/**
 * The inbox of a page that polls. The hub can ask such a page nothing, so it looks by itself for ends that nobody was
 * told of, and asks before it tells: of all pages of the user one gets leave to.
 */
export class PolledInboxReader {
  constructor(private readonly _options: IPolledInboxOptions) {}

  /** The revision to name with the next question. */
  get known(): number {
    return this._known;
  }

  /** An answer to a question, after the model has taken it in. */
  heard({ epoch, inbox }: StateResponse): void {
    if (inbox === null) {
      return;
    }
    this._take(inbox);
    const { clock, get } = this._options;
    const since = Math.max(clock.now() - FRESH_S, clock.now() - performance.now() / 1000);
    const fresh = inbox.items.filter(item => item.at >= since && get(item.operation) !== undefined);
    const tell = inbox.untold.filter(id => fresh.some(item => item.id === id));
    if (tell.length > 0) {
      this._ask({ read: [], tell }, `${epoch}.polled.${inbox.revision}`);
    }
  }

  /** The user has seen these items. */
  read(ids: Read['ids']): void {
    this._ask({ read: ids, tell: [] }, '');
  }

  private _ask(request: InboxRequest, id: string): void {
    const { ask, get, notify } = this._options;
    ask(request).then(
      ({ tell, inbox }) => {
        this._take(inbox);
        const operations = tell.map(get).filter(snapshot => snapshot !== undefined);
        if (operations.length > 0) {
          notify({ type: 'notify', id, operations });
        }
      },
      () => {
        // The line is worse than that: the next answer says again what is unread and untold.
        this._known = 0;
      }
    );
  }

  private _take(inbox: PolledInbox): void {
    this._known = inbox.revision;
    this._options.told(inbox);
  }

  private _known = 0;
}
