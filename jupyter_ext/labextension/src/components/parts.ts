import type { IRequest, ISharing } from '../model';
import type { Action, Snapshot, Stage } from '../protocol';
import type { IWatch, Look } from './view';
import type { IWords } from './words';

/** What can be done about an operation from where it is shown. */
export interface IActions {
  /** Ask its publisher for something; the answer comes in as `request`. */
  ask(snapshot: Snapshot, action: Action): void;
  /** Interrupt its kernel, which also ends what does not listen. */
  interrupt?(snapshot: Snapshot): void;
  /** Show the cell, or the notebook, that it came from. */
  goTo?(snapshot: Snapshot): void;
  /** Put an ended operation away. */
  dismiss?(snapshot: Snapshot): void;
  /** Let others watch it by a link. */
  sharing?: ISharing;
}

/** What each part of an operation's picture is drawn from. */
export interface IPartProps {
  /** As it is to be said in words. */
  readonly snapshot: Snapshot;
  /** The stages as they are to be drawn: they may be a little further than what is said. */
  readonly bar: readonly Stage[];
  readonly look: Look;
  readonly watch: IWatch;
  readonly words: IWords;
  /** In the panel it is denser, and it can be acted upon. */
  readonly panel: boolean;
  readonly usual_s: number | null;
  /** The course of a metric, oldest first. */
  readonly trend: (metric: string) => readonly number[];
  readonly actions: IActions | null;
  /** What was asked of it last from this page. */
  readonly request: IRequest | null;
}
