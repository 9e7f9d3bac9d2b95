import { announcementOf, type IAnnouncement } from '../components/ends';
import type { IWords } from '../components/words';
import { type IPolicy, isAnnounced } from '../model/policy';
import type { Snapshot } from '../protocol';

/** What the settings of JupyterLab start with. */
const POLICY: IPolicy = { when: 'longer', after_s: 30 };
/** What ends within this time is told together, in milliseconds. */
const TOGETHER_MS = 2_000;

/** How a page can tell of an end. */
export interface ITeller {
  /** A toast on the page; `there` leads to where the operation was drawn. */
  toast(said: IAnnouncement, there: () => void): void;
  /** A notification of the browser; false where it may not or cannot. */
  browser(said: IAnnouncement, tag: string, there: () => void): boolean;
}

/**
 * Tells of ends in this page, each once however many widgets show the operation: by a toast where the page has the
 * focus, by the browser elsewhere if it may. What the user looks at is not told.
 */
export class Notices {
  constructor(
    private readonly _teller: ITeller,
    private readonly _words: IWords
  ) {}

  /** Note that an operation is drawn in `element`; call what is returned when it no longer is. */
  watch(id: string, element: Element): () => void {
    const place = this._place(id);
    place.element = element.closest('.jp-Cell') ?? element;
    const observer = new IntersectionObserver(entries => {
      place.onScreen = entries.some(entry => entry.isIntersecting);
    });
    observer.observe(element);
    // Where it was last seen stays known: at its end the output is replaced, perhaps before its end is heard here.
    return () => observer.disconnect();
  }

  /** The user wants to be told of this end, however long it takes. */
  want(id: string): void {
    this._place(id).wanted = true;
  }

  ended(snapshot: Snapshot): void {
    const place = this._place(snapshot.id);
    const isLookedAt =
      place.onScreen && document.visibilityState === 'visible' && document.hasFocus();
    const isTold = place.told;
    place.told = true;
    if (isTold || isLookedAt || !(place.wanted || isAnnounced(snapshot, POLICY))) {
      return;
    }
    this._ends.push(snapshot);
    this._timer ??= window.setTimeout(() => this._tell(), TOGETHER_MS);
  }

  private _tell(): void {
    const ends = this._ends;
    this._ends = [];
    this._timer = undefined;
    const [first] = ends;
    const said = announcementOf(ends, this._words);
    const there = (): void => {
      const element = first && this._place(first.id).element;
      element?.scrollIntoView({ block: 'center' });
    };
    if (document.hasFocus() || !this._teller.browser(said, `progress-kit-${first?.id}`, there)) {
      this._teller.toast(said, there);
    }
  }

  private _place(id: string): IPlace {
    const known = this._places.get(id) ?? {
      element: null,
      onScreen: false,
      wanted: false,
      told: false
    };
    this._places.set(id, known);
    return known;
  }

  private readonly _places = new Map<string, IPlace>();
  private _ends: Snapshot[] = [];
  private _timer: number | undefined;
}

interface IPlace {
  element: Element | null;
  onScreen: boolean;
  wanted: boolean;
  told: boolean;
}
