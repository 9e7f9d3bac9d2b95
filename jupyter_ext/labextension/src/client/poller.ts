import { type LineReason, POLL_S } from '../model';
import type { StateResponse } from '../protocol';
import { reasonOf } from './refused';

export interface IPollerOptions {
  /** Ask the hub for what changed; rejects with `Refused` where the reason is known. */
  ask: (signal: AbortSignal) => Promise<StateResponse>;
  /** An answer. */
  told: (answer: StateResponse) => void;
  /** No answer. */
  failed: (reason: LineReason) => void;
}

/** An answer that takes longer than this is none. */
const SILENT_MS = 5_000;
/** The longest wait between two questions to a server that does not answer. */
const MOST_MS = 30_000;

/** Asks the hub again and again, while it is started and the page is in front. */
export class Poller {
  constructor(private readonly _options: IPollerOptions) {}

  /** Whether it is started and has neither an answer nor a failure yet. */
  get isFirst(): boolean {
    return this._started && this._first;
  }

  start(): void {
    if (!this._started) {
      this._started = true;
      this._first = true;
      this._failures = 0;
      void this._ask();
    }
  }

  stop(): void {
    this._started = false;
    this._turn += 1;
    this._abort?.abort();
    this._abort = null;
    window.clearTimeout(this._timer);
    this._timer = undefined;
  }

  /** Do not wait out the time between two questions. */
  hurry(): void {
    if (this._started && this._abort === null) {
      void this._ask();
    }
  }

  private async _ask(): Promise<void> {
    window.clearTimeout(this._timer);
    this._timer = undefined;
    if (document.visibilityState === 'hidden') {
      // Nobody looks; `hurry` goes on when the page is in front again.
      return;
    }
    const turn = (this._turn += 1);
    const abort = (this._abort = new AbortController());
    const silence = window.setTimeout(() => abort.abort(), SILENT_MS);
    const { ask, told, failed } = this._options;
    let more = false;
    let settle: () => void;
    try {
      const answer = await ask(abort.signal);
      more = answer.more;
      settle = () => told(answer);
      this._failures = 0;
    } catch (error) {
      settle = () => failed(reasonOf(error));
      this._failures += 1;
    }
    window.clearTimeout(silence);
    if (turn !== this._turn) {
      return;
    }
    this._abort = null;
    this._first = false;
    const wait = Math.min(MOST_MS, POLL_S * 1000 * 2 ** Math.max(0, this._failures - 1));
    this._timer = window.setTimeout(() => void this._ask(), more ? 0 : wait);
    settle();
  }

  private _started = false;
  private _first = false;
  private _failures = 0;
  private _turn = 0;
  private _timer: number | undefined;
  private _abort: AbortController | null = null;
}
