import type { IDisposable } from '@lumino/disposable';

import type { LineReason, OperationsModel } from '../model';
import { type Action, CloseCode, SUBPROTOCOL, TOKEN_SUBPROTOCOL } from '../protocol';
import { Backoff } from './backoff';
import { type Effect, SubscriberSession } from './session';

/** A token could not be had; `reason` says why, in the line's terms. */
export class TokenRefused extends Error {
  constructor(
    message: string,
    readonly reason: LineReason
  ) {
    super(message);
  }
}

/** The parts of a WebSocket that are used. */
export interface ISocket {
  onopen: ((event: Event) => void) | null;
  onmessage: ((event: MessageEvent) => void) | null;
  onclose: ((event: CloseEvent) => void) | null;
  send(data: string): void;
  close(code?: number): void;
}

export interface IConnectionOptions {
  model: OperationsModel;
  /** `name/version` of this client. */
  client: string;
  /** Ask the server for a short-lived token; rejects with `TokenRefused` where the reason is known. */
  mint: () => Promise<string>;
  /** Open the hub's WebSocket with these sub-protocols. */
  open: (protocols: string[]) => ISocket;
  random?: () => number;
}

/** Closings that would only repeat themselves. */
const FINAL: ReadonlyMap<number, LineReason> = new Map([
  [CloseCode.malformed, 'malformed'],
  [CloseCode.forbidden, 'forbidden'],
  [CloseCode.noCommonVersion, 'version'],
  [CloseCode.takenOver, 'replaced']
]);
/** A line that is down for less than this is `connecting`, so that a hiccup is not shown as an outage. */
const OFFLINE_AFTER_MS = 2_000;
/** A connection that lived this long was a good one: the next back-off starts from the beginning. */
const STEADY_MS = 5_000;
/** A server without the extension gets it by a restart at the soonest; asking often would only fill its log. */
const MISSING_MS = 30_000;
/** How long a probed or opening connection may stay silent. */
const SILENT_MS = 5_000;

/** Keeps one page's connection to the hub and tells the model what comes over it. */
export class HubConnection implements IDisposable {
  constructor(options: IConnectionOptions) {
    this._options = options;
    this._session = new SubscriberSession(options.client);
    this._backoff = new Backoff(options.random);
    window.addEventListener('online', this._wake);
    document.addEventListener('visibilitychange', this._wake);
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
    window.removeEventListener('online', this._wake);
    document.removeEventListener('visibilitychange', this._wake);
    this._drop();
  }

  /** Ask an operation to do something. Resolves with null when the request was accepted, else with what was wrong. */
  command(operation: string, action: Action): Promise<string | null> {
    if (this._socket === null || this._options.model.line.state !== 'live') {
      return Promise.resolve('offline');
    }
    const request = `c${Date.now().toString(36)}.${(this._requests += 1)}`;
    return new Promise(resolve => {
      this._answers.set(request, resolve);
      this._perform(this._session.command(request, operation, action));
    });
  }

  private async _connect(): Promise<void> {
    const turn = (this._turn += 1);
    this._clearTimer('retry');
    this._down('connecting', this._options.model.line.reason);
    this._openedAt = null;
    this._expectSign(3 * SILENT_MS);
    let token: string;
    try {
      token = await this._options.mint();
    } catch (error) {
      if (turn === this._turn && !this._disposed) {
        this._retry(error instanceof TokenRefused ? error.reason : 'network');
      }
      return;
    }
    if (turn !== this._turn || this._disposed) {
      return;
    }
    const socket = this._options.open([SUBPROTOCOL, TOKEN_SUBPROTOCOL + token]);
    this._socket = socket;
    socket.onopen = () => {
      this._openedAt = Date.now();
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
          break;
        case 'swap':
          this._clearTimer('offline');
          model.setLine({ state: 'live', downSince: null, reason: null });
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
      const token = await this._options.mint();
      if (socket !== null && socket === this._socket) {
        this._perform(this._session.renewed(token));
      }
    } catch {
      // The hub closes with 4401 when the old token ends, and the next connection asks anew.
    }
  }

  private _closed(code: number): void {
    this._drop();
    if (this._disposed) {
      return;
    }
    const final = FINAL.get(code);
    if (final !== undefined) {
      this._down('refused', final);
      return;
    }
    if (this._openedAt !== null && Date.now() - this._openedAt >= STEADY_MS) {
      this._backoff.reset();
    }
    this._retry(code === 4429 || code === 4508 ? 'busy' : 'network');
  }

  private _retry(reason: LineReason): void {
    this._clearTimer('silence');
    this._down('connecting', reason);
    const wait = reason === 'missing' ? MISSING_MS : this._backoff.next() * 1000;
    this._setTimer('retry', wait, () => void this._connect());
  }

  /** The network or the user is back: do not wait out a back-off, and do not trust a socket that slept. */
  private _wake = (): void => {
    if (document.visibilityState === 'hidden' || this._options.model.line.state === 'refused') {
      return;
    }
    if (this._timers.has('retry')) {
      void this._connect();
    } else if (this._options.model.line.state === 'live') {
      this._probe();
    }
  };

  /** Every message is a sign of life. After a silence of one and a half ping intervals, ask for one. */
  private _listen(): void {
    this._expectSign(this._pingMs * 1.5, () => this._probe());
  }

  private _probe(): void {
    this._perform(this._session.ping());
    this._expectSign(SILENT_MS);
  }

  private _expectSign(ms: number, otherwise: () => void = () => this._closed(1006)): void {
    this._setTimer('silence', ms, otherwise);
  }

  private _down(state: 'connecting' | 'refused', reason: LineReason | null): void {
    const { model } = this._options;
    const downSince = model.line.downSince ?? Date.now();
    const offline = Date.now() - downSince >= OFFLINE_AFTER_MS;
    if (state === 'connecting' && !offline) {
      model.setLine({ state, downSince, reason });
      const wait = OFFLINE_AFTER_MS - (Date.now() - downSince);
      this._setTimer('offline', wait, () => this._down(state, model.line.reason));
    } else {
      model.setLine({ state: state === 'refused' ? state : 'offline', downSince, reason });
    }
  }

  private _drop(): void {
    this._turn += 1;
    for (const name of [...this._timers.keys()]) {
      this._clearTimer(name);
    }
    const socket = this._socket;
    this._socket = null;
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
  private readonly _answers = new Map<string, (error: string | null) => void>();
  private readonly _timers = new Map<string, number>();
  private _socket: ISocket | null = null;
  private _disposed = false;
  private _turn = 0;
  private _requests = 0;
  private _openedAt: number | null = null;
  private _pingMs = 20_000;
}
