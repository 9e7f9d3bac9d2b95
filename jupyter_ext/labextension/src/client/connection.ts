import type { IDisposable } from '@lumino/disposable';

import type { LineReason, OperationsModel } from '../model';
import {
  type Action,
  CloseCode,
  type Execution,
  type Inbox,
  type InboxRequest,
  type InboxResponse,
  type Notified,
  type NotifyRequest,
  type PolledInbox,
  type Presence,
  type Read,
  type ResumePoint,
  type StateResponse,
  SUBPROTOCOL,
  TOKEN_SUBPROTOCOL,
  type WatchCells
} from '../protocol';
import { Backoff } from './backoff';
import { PolledInboxReader } from './polled-inbox';
import { Poller } from './poller';
import { reasonOf } from './refused';
import { type Effect, SubscriberSession } from './session';
import { Wake } from './wake';

/** The parts of a WebSocket that are used. */
export interface ISocket {
  onopen: ((event: Event) => void) | null;
  onmessage: ((event: MessageEvent) => void) | null;
  onclose: ((event: CloseEvent) => void) | null;
  send(data: string): void;
  close(code?: number): void;
}

/** What is asked of the server; the requests reject with `Refused` where the reason is known. */
export interface IHubServer {
  /** Ask for a short-lived token. */
  mint(): Promise<string>;
  /** Open the hub's WebSocket with these sub-protocols. */
  open(protocols: string[]): ISocket;
  /** What changed since `resume`, or everything, and the inbox unless it is at the revision `inbox`. */
  poll(resume: ResumePoint | null, inbox: number, signal: AbortSignal): Promise<StateResponse>;
  /** Mark what was read in the inbox, and ask for leave to tell of ends. */
  inbox(request: InboxRequest): Promise<InboxResponse>;
  /** Ask an operation to do something; resolves with null when the request was passed on, else with what was wrong. */
  command(operation: string, action: Action): Promise<string | null>;
}

export interface IConnectionOptions {
  model: OperationsModel;
  server: IHubServer;
  /** `name/version` of this client. */
  client: string;
  /** The hub asks to tell its user of ends. */
  onNotify?: (request: NotifyRequest) => void;
  /** The hub tells what the inbox has. */
  onInbox?: (inbox: Inbox | PolledInbox) => void;
  random?: () => number;
}

/** Closings that would only repeat themselves. */
const FINAL: ReadonlyMap<number, LineReason> = new Map([
  [CloseCode.malformed, 'malformed'],
  [CloseCode.forbidden, 'forbidden'],
  [CloseCode.noCommonVersion, 'version'],
  [CloseCode.takenOver, 'replaced']
]);
/** A line that is down for less than this is `connecting`: a hiccup is no outage, and nothing is asked by polling. */
const OFFLINE_AFTER_MS = 2_000;
/** A connection that lived this long was a good one: the next back-off starts from the beginning. */
const STEADY_MS = 5_000;
/** A server without the extension gets it by a restart at the soonest; asking often would only fill its log. */
const MISSING_MS = 30_000;
/** How long a probed or opening connection may stay silent. */
const SILENT_MS = 5_000;
/** How long a connection may that the machine slept over: it is most likely gone. */
const SLEPT_SILENT_MS = 1_000;

/**
 * Keeps one page's connection to the hub and tells the model what comes over it.
 *
 * The ladder: the WebSocket; while that is down for more than a moment, questions by REST; while those are not
 * answered either, nothing. The socket is tried all the time, and all three go on from the same resume point.
 */
export class HubConnection implements IDisposable {
  constructor(options: IConnectionOptions) {
    this._options = options;
    this._session = new SubscriberSession(options.client);
    this._backoff = new Backoff(options.random);
    this._inbox = new PolledInboxReader({
      ask: request => options.server.inbox(request),
      told: inbox => options.onInbox?.(inbox),
      notify: request => options.onNotify?.(request),
      get: id => options.model.get(id),
      clock: options.model.clock
    });
    this._poller = new Poller({
      ask: signal => options.server.poll(this._session.asked, this._inbox.known, signal),
      told: answer => this._polledWith(answer),
      failed: reason => this._pollFailed(reason)
    });
    this._wake = new Wake(slept => this._woken(slept));
    void this._connect();
  }

  get isDisposed(): boolean {
    return this._disposed;
  }

  dispose(): void {
    if (this._disposed) {
      return;
    }
    this._disposed = true;
    this._wake.dispose();
    this._poller.stop();
    this._drop();
  }

  /** Ask an operation to do something. Resolves with null when the request was accepted, else with what was wrong. */
  command(operation: string, action: Action): Promise<string | null> {
    const { state } = this._options.model.line;
    if (state === 'polling') {
      return this._options.server.command(operation, action).catch(() => 'offline');
    }
    if (state !== 'live') {
      return Promise.resolve('offline');
    }
    const request = `c${Date.now().toString(36)}.${(this._requests += 1)}`;
    return new Promise(resolve => {
      this._answers.set(request, resolve);
      this._perform(this._session.command(request, operation, action));
    });
  }

  /**
   * Say something that needs no answer. While there is no connection it is dropped, but for what describes the page:
   * the newest of that is said to each new one.
   *
   * @returns whether it was said.
   */
  say(message: Presence | WatchCells | Notified | Read | Execution): boolean {
    if (message.type === 'presence' || message.type === 'watch_cells') {
      this._standing.set(message.type, message);
    }
    if (this._welcomed) {
      this._perform([{ do: 'send', message }]);
    } else if (message.type === 'read' && this._polled === true) {
      this._inbox.read(message.ids);
      return true;
    }
    return this._welcomed;
  }

  private async _connect(): Promise<void> {
    const turn = (this._turn += 1);
    this._clearTimer('retry');
    this._tellDown();
    this._expectSign(3 * SILENT_MS);
    let token: string;
    try {
      token = await this._options.server.mint();
    } catch (error) {
      if (turn === this._turn) {
        this._retry(reasonOf(error));
      }
      return;
    }
    if (turn !== this._turn) {
      return;
    }
    const socket = this._options.server.open([SUBPROTOCOL, TOKEN_SUBPROTOCOL + token]);
    this._socket = socket;
    socket.onopen = () => {
      this._openedAt = Date.now();
      // An answer that is still on its way would take the resume point away from under the socket's.
      this._poller.stop();
      this._perform(this._session.opened(token));
      this._expectSign(SILENT_MS);
    };
    socket.onmessage = event => this._received(String(event.data));
    socket.onclose = event => this._closed(event.code);
    this._expectSign(2 * SILENT_MS);
  }

  private _received(frame: string): void {
    this._listen();
    let effects: Effect[];
    try {
      effects = this._session.received(frame);
    } catch (error) {
      console.warn('progress-kit: a message from the hub could not be read', error);
      this._closed(1006);
      return;
    }
    this._perform(effects);
  }

  private _perform(effects: Effect[]): void {
    const { model } = this._options;
    for (const effect of effects) {
      switch (effect.do) {
        case 'send':
          this._socket?.send(JSON.stringify(effect.message));
          break;
        case 'clock':
          model.clock.read(effect.now);
          break;
        case 'welcome':
          this._pingMs = effect.welcome.ping_s * 1000;
          this._listen();
          this._welcomed = true;
          this._standing.forEach(message => this.say(message));
          break;
        case 'notify':
          this._options.onNotify?.(effect.request);
          break;
        case 'inbox':
          this._options.onInbox?.(effect.inbox);
          break;
        case 'live':
          this._clearTimer('offline');
          this._polled = null;
          model.setLine({ state: 'live', downSince: null, reason: null });
          break;
        case 'swap':
          model.swap(effect.changed, effect.removed);
          break;
        case 'settle':
          this._answers.get(effect.request)?.(effect.error);
          this._answers.delete(effect.request);
          break;
        case 'renew':
          void this._renew();
          break;
        case 'fail':
          console.warn(
            `progress-kit: the hub refused a message (${effect.code}): ${effect.message}`
          );
          break;
      }
    }
  }

  private async _renew(): Promise<void> {
    const socket = this._socket;
    try {
      const token = await this._options.server.mint();
      if (socket !== null && socket === this._socket) {
        this._perform(this._session.renewed(token));
      }
    } catch {
      // The hub closes with 4401 when the old token ends, and the next connection asks anew.
    }
  }

  private _closed(code: number): void {
    const openedAt = this._openedAt;
    this._drop();
    const final = FINAL.get(code);
    if (final !== undefined) {
      const { model } = this._options;
      this._poller.stop();
      model.setLine({
        state: 'refused',
        downSince: model.line.downSince ?? Date.now(),
        reason: final
      });
      return;
    }
    if (openedAt !== null && Date.now() - openedAt >= STEADY_MS) {
      this._backoff.reset();
    }
    if (code === 4429 || code === 4508) {
      this._retry('busy');
    } else {
      // The server gave a token: it can be reached, only not by a socket.
      this._retry(openedAt === null ? 'blocked' : 'network');
    }
  }

  private _retry(reason: LineReason): void {
    this._reason = reason;
    this._clearTimer('silence');
    this._tellDown();
    const wait = reason === 'missing' ? MISSING_MS : this._backoff.next() * 1000;
    this._setTimer('retry', wait, () => void this._connect());
  }

  /** The network, the machine or the user is back: do not wait out a back-off, and do not trust a socket that slept. */
  private _woken(slept: boolean): void {
    const { state } = this._options.model.line;
    if (state === 'refused') {
      return;
    }
    if (state === 'live') {
      this._probe(slept ? SLEPT_SILENT_MS : SILENT_MS);
    } else if (slept || this._timers.has('retry')) {
      this._drop();
      void this._connect();
    }
    this._poller.hurry();
  }

  private _polledWith(answer: StateResponse): void {
    const wasCut = this._polled === false;
    this._polled = true;
    this._tellDown();
    this._perform(this._session.polled(answer));
    this._inbox.heard(answer);
    if (wasCut && this._timers.has('retry')) {
      void this._connect();
    }
  }

  private _pollFailed(reason: LineReason): void {
    this._polled = false;
    this._reason = reason;
    this._tellDown();
  }

  /** Every message is a sign of life. After a silence of one and a half ping intervals, ask for one. */
  private _listen(): void {
    this._expectSign(this._pingMs * 1.5, () => this._probe());
  }

  private _probe(ms = SILENT_MS): void {
    this._perform(this._session.ping());
    this._expectSign(ms);
  }

  private _expectSign(ms: number, otherwise: () => void = () => this._closed(1006)): void {
    this._setTimer('silence', ms, otherwise);
  }

  /** Tell the model how the line is while the socket is not live, and poll where that may help. */
  private _tellDown(): void {
    const { model } = this._options;
    const reason = this._reason;
    const downSince = model.line.downSince ?? Date.now();
    const blinks_ms = downSince + OFFLINE_AFTER_MS - Date.now();
    if (this._polled !== true && blinks_ms > 0) {
      model.setLine({ state: 'connecting', downSince, reason });
      this._setTimer('offline', blinks_ms, () => this._tellDown());
      return;
    }
    if (this._openedAt === null && reason !== 'missing' && reason !== 'forbidden') {
      this._poller.start();
    }
    if (this._polled === true) {
      model.setLine({ state: 'polling', downSince: null, reason });
    } else {
      const state = this._poller.isFirst ? 'connecting' : 'offline';
      model.setLine({ state, downSince, reason });
    }
  }

  private _drop(): void {
    this._turn += 1;
    for (const name of [...this._timers.keys()]) {
      this._clearTimer(name);
    }
    const socket = this._socket;
    this._socket = null;
    this._openedAt = null;
    this._welcomed = false;
    if (socket !== null) {
      socket.onopen = socket.onmessage = socket.onclose = null;
      socket.close();
    }
    this._perform(this._session.closed());
  }

  private _setTimer(name: string, ms: number, then: () => void): void {
    this._clearTimer(name);
    this._timers.set(
      name,
      window.setTimeout(() => {
        this._timers.delete(name);
        then();
      }, ms)
    );
  }

  private _clearTimer(name: string): void {
    window.clearTimeout(this._timers.get(name));
    this._timers.delete(name);
  }

  private readonly _options: IConnectionOptions;
  private readonly _session: SubscriberSession;
  private readonly _backoff: Backoff;
  private readonly _poller: Poller;
  private readonly _inbox: PolledInboxReader;
  private readonly _wake: Wake;
  private readonly _answers = new Map<string, (error: string | null) => void>();
  private readonly _timers = new Map<string, number>();
  private readonly _standing = new Map<string, Presence | WatchCells>();
  private _socket: ISocket | null = null;
  private _welcomed = false;
  private _disposed = false;
  private _turn = 0;
  private _requests = 0;
  private _openedAt: number | null = null;
  private _reason: LineReason | null = null;
  /** Whether the last question by REST was answered; null if there was none. */
  private _polled: boolean | null = null;
  private _pingMs = 20_000;
}
