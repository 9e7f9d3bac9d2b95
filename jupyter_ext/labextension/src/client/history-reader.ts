import type { RunList } from '../model';
import { everyPage, historyPage, kindsOf, PAGE, type RestRequest } from './history';

/** The first page is small, so that something is seen at once. */
const FIRST = 100;

/** Reads the history into a `RunList`, as far as somebody wants it; one page is asked for at a time. */
export class HistoryReader {
  constructor(
    private readonly request: RestRequest,
    private readonly list: RunList
  ) {}

  /** Read from the start again; `anew`: what the server no longer has goes away, else what is new is added. */
  restart(anew: boolean): Promise<void> {
    return this._inTurn(() => {
      this._before = undefined;
      this._anew = anew;
      this._kinds.clear();
      this.list.setReading({ complete: false });
      return this._next();
    });
  }

  /** Read the next page, if there is one. */
  more(): Promise<void> {
    return this._inTurn(() => this._next());
  }

  /** Read all that there is. */
  all(): Promise<void> {
    return this._inTurn(async () => {
      while (!this.list.reading.complete && !this._disposed) {
        await this._next();
      }
    });
  }

  /** Read all runs of one kind. */
  kind(kind: string): Promise<void> {
    return this._inTurn(async () => {
      if (this.list.reading.complete || this._kinds.has(kind)) {
        return;
      }
      for await (const page of everyPage(this.request, { kind })) {
        this.list.add(page);
      }
      this._kinds.add(kind);
    });
  }

  /** Ask for nothing more. */
  dispose(): void {
    this._disposed = true;
  }

  private async _next(): Promise<void> {
    if (this._before === null) {
      return;
    }
    const limit = this._before === undefined ? FIRST : PAGE;
    if (this._before === undefined) {
      this.list.setKinds((await kindsOf(this.request)).items);
    }
    const { items, next } = await historyPage(this.request, { limit, before: this._before });
    this._before = next;
    if (this._anew) {
      this._anew = false;
      this.list.clear();
    }
    this.list.add(items);
    this.list.setReading({ complete: next === null });
  }

  /** One thing after the other. What went wrong is shown, and tried again when somebody next wants to read. */
  private _inTurn(read: () => Promise<void>): Promise<void> {
    this._turn = this._turn.then(async () => {
      if (this._disposed) {
        return;
      }
      this.list.setReading({ busy: true, error: null });
      try {
        await read();
        this.list.setReading({ busy: false });
      } catch (error) {
        this.list.setReading({ busy: false, error: (error as Error).message });
      }
    });
    return this._turn;
  }

  /** The `next` of the page that was read last; undefined before the first, null after the last. */
  private _before: string | null | undefined;
  private _anew = false;
  private readonly _kinds = new Set<string>();
  private _turn: Promise<void> = Promise.resolve();
  private _disposed = false;
}
