import { pathOf } from '../model';
import type { InboxItem, Snapshot } from '../protocol';
import { duration, moment, percent } from './format';
import { errorText, processText } from './texts';
import { LOST } from './view';
import { isolate, type IWords } from './words';

/** What is said of an operation that ended: a snapshot has it, and so has an item of the inbox. */
export type Ended = Pick<Snapshot, 'name' | 'state' | 'elapsed_s' | 'error' | 'origin'> &
  Partial<Pick<InboxItem, 'at'>>;

/** What one notification says. Both are plain text. */
export interface IAnnouncement {
  readonly title: string;
  readonly body: string;
  readonly failed: boolean;
}

/** JupyterLab cuts a toast after 140 characters: a long name shall not take the room of what happened to it. */
const NAME_LENGTH = 50;
const ERROR_LENGTH = 60;
const MOST_NAMES = 3;

/** `Survey finished in 1 min 43 s`, `Fit 240 models failed`. */
export function endOf(ended: Ended, words: IWords): string {
  const { state, elapsed_s, error } = ended;
  const name = isolate(ended.name);
  if (state === 'failed') {
    return error?.type === LOST ? words.__('%1 was lost', name) : words.__('%1 failed', name);
  }
  if (state === 'cancelled') {
    return words.__('%1 was cancelled', name);
  }
  return elapsed_s === null
    ? words.__('%1 finished', name)
    : words.__('%1 finished in %2', name, duration(elapsed_s, true));
}

/** Why it failed, in one line; empty where it did not. */
export function whyOf({ state, error }: Ended): string {
  return state !== 'failed' || error === null ? '' : (errorText(error).split('\n')[0] ?? '');
}

/** Where it ran: the notebook's or the script's file, else the process. */
export function whereOf({ origin }: Pick<Ended, 'origin'>, words: IWords): string {
  const file = pathOf(origin)?.split(/[/\\]/).pop();
  return file ? isolate(file) : processText(origin, words);
}

/** How far an operation is; empty where nobody knows. */
export function percentOf({ fraction }: Pick<Snapshot, 'fraction'>): string {
  return fraction === null ? '' : percent(fraction);
}

/** `just now`, `4 min ago`, `13:02` for what is longer ago than an hour. */
export function agoOf(at: number, now: number, words: IWords): string {
  const minutes = Math.floor((now - at) / 60);
  if (minutes < 1) {
    return words.__('just now');
  }
  return minutes < 60 ? words.__('%1 min ago', minutes) : moment(at, now);
}

/** The notification of one or more ends. */
export function announcementOf(ended: readonly Ended[], words: IWords): IAnnouncement {
  const failures = ended.filter(({ state }) => state === 'failed');
  const failed = failures.length > 0;
  const [only] = ended;
  if (only !== undefined && ended.length === 1) {
    const said = endOf({ ...only, name: shorten(only.name, NAME_LENGTH) }, words);
    const details = [shorten(whyOf(only), ERROR_LENGTH), whereOf(only, words)];
    return { title: said, body: details.filter(part => part !== '').join(' · '), failed };
  }
  const others = ended.filter(({ state }) => state !== 'failed');
  const names = [...failures, ...others].map(({ name }) => isolate(shorten(name, NAME_LENGTH / 2)));
  const more = names.length - MOST_NAMES;
  const listed = names.slice(0, MOST_NAMES).join(', ');
  return {
    title: failed
      ? words.__('%1 operations ended, %2 failed', ended.length, failures.length)
      : words.__('%1 operations ended', ended.length),
    body: more > 0 ? words.__('%1 and %2 more', listed, more) : listed,
    failed
  };
}

/** Cut a text for a notification, between two characters and not within one. */
function shorten(text: string, length: number): string {
  const characters = Array.from(text);
  return characters.length <= length ? text : `${characters.slice(0, length - 1).join('')}…`;
}
