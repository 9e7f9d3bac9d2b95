import { isTerminal, type Prior, type Snapshot } from '../protocol';

/** The server's answer where no run has succeeded yet. */
const NO_CONTENT = 204;

/** What earlier runs took, asked of the server once per kind; a run that ended makes the answer for its kind old. */
export class Priors {
  /** @param request - a request to the hub's REST interface. */
  constructor(private readonly request: (path: string) => Promise<Response>) {}

  /** What the runs of a kind took; null where there were none. Rejects when the server cannot tell. */
  get(kind: string): Promise<Prior | null> {
    const known = this._answers.get(kind);
    if (known !== undefined) {
      return known;
    }
    const answer = this._ask(kind);
    this._answers.set(kind, answer);
    answer.catch(() => {
      // Not an answer: the next one who wants to know asks again.
      if (this._answers.get(kind) === answer) {
        this._answers.delete(kind);
      }
    });
    return answer;
  }

  /** Take note of an operation's state: its end changes what the runs of its kind took. */
  heard({ id, kind, state }: Snapshot): void {
    if (!isTerminal(state)) {
      this._open.add(id);
    } else if (this._open.delete(id) && kind !== null) {
      this._answers.delete(kind);
    }
  }

  private async _ask(kind: string): Promise<Prior | null> {
    const response = await this.request(`priors/${encodeURIComponent(kind)}`);
    if (response.status === NO_CONTENT) {
      return null;
    }
    if (!response.ok) {
      throw new Error(`no prior of ${kind}: HTTP ${response.status}`);
    }
    return (await response.json()) as Prior;
  }

  private readonly _answers = new Map<string, Promise<Prior | null>>();
  private readonly _open = new Set<string>();
}
