import type { Origin, Snapshot, Stage } from '../protocol';
import {
  count,
  duration,
  isBytes,
  metric,
  moment,
  percent,
  progress,
  range,
  roughly
} from './format';
import {
  currentStage,
  type IWatch,
  lastSeen,
  type Look,
  LOST,
  mainStage,
  slowdownOf,
  stalledFor
} from './view';
import { isolate, type IWords } from './words';

/** A short word beside the name that says what is unlike a normal run. */
export interface ITag {
  /** Its shape: that of the state is drawn before the name already. */
  readonly mark: 'state' | 'slower' | 'stalled';
  readonly text: string;
}

/** What is unlike a normal run; empty for a normal one. */
export function tagsOf(snapshot: Snapshot, look: Look, watch: IWatch, words: IWords): ITag[] {
  const tags: ITag[] = [];
  const state = stateTag(snapshot, look, watch, words);
  if (state !== null) {
    tags.push({ mark: 'state', text: state });
  }
  const stalled = stalledFor(snapshot, watch);
  const slowdown = slowdownOf(snapshot, look);
  if (stalled !== null) {
    tags.push({ mark: 'stalled', text: words.__('stalled for %1', duration(stalled)) });
  } else if (slowdown !== null) {
    const times = slowdown < 10 ? slowdown.toFixed(1) : count(Math.round(slowdown));
    tags.push({ mark: 'slower', text: words.__('%1× slower than usual', times) });
  }
  return tags;
}

function stateTag(snapshot: Snapshot, look: Look, watch: IWatch, words: IWords): string | null {
  switch (look) {
    case 'pending':
    case 'paused':
    case 'failed':
    case 'cancelled':
      return stateWord(look, words);
    case 'stale':
      return words.__('no sign for %1', duration(quietFor(snapshot, watch)));
    case 'lost':
      return snapshot.error?.type === LOST
        ? words.__('lost: the kernel ended')
        : words.__('lost: no sign for %1', duration(quietFor(snapshot, watch)));
    case 'offline':
      return words.__('offline for %1', duration(watch.offlineFor_s ?? 0));
    case 'simulated':
      return words.__('estimated, offline for %1', duration(watch.offlineFor_s ?? 0));
    case 'unknown':
      return words.__('not running here');
    case 'other':
      return stateWord(snapshot.state, words);
    default:
      return null;
  }
}

/** The state of an operation, a stage or a task in a word; one that this page does not know, as the hub says it. */
export function stateWord(state: string, words: IWords): string {
  switch (state) {
    case 'pending':
      return words.__('waiting');
    case 'running':
      return words.__('running');
    case 'paused':
      return words.__('paused');
    case 'succeeded':
      return words.__('succeeded');
    case 'failed':
      return words.__('failed');
    case 'cancelled':
      return words.__('cancelled');
    case 'skipped':
      return words.__('skipped');
    case 'abandoned':
      return words.__('told to stop, but did not');
    default:
      return isolate(state);
  }
}

/** The one line of an operation that succeeded: `1,836 files in 1 min 43 s · usually 1 min 38 s`. */
export function outcomeOf(snapshot: Snapshot, usual_s: number | null, words: IWords): string {
  const outcome = achievementOf(snapshot, words);
  // A run of a second differs from the usual by what no one minds.
  return usual_s === null || usual_s < 2 || snapshot.ended_early
    ? outcome
    : words.__('%1 · usually %2', outcome, duration(usual_s, true));
}

function achievementOf(snapshot: Snapshot, words: IWords): string {
  const time = duration(snapshot.elapsed_s ?? 0, true);
  const stage = mainStage(snapshot);
  if (snapshot.ended_early) {
    const at = stage ?? currentStage(snapshot);
    return at === null
      ? words.__('ended early after %1', time)
      : words.__('ended early at %1 after %2', countsOf(at), time);
  }
  if (stage === null) {
    return words.__('in %1', time);
  }
  // Parallel tasks run in all stages at once, so that no stage alone says what was done.
  const tasks = snapshot.stages.filter(each => each.tasks !== null && each.unit === stage.unit);
  const number = stage.tasks === null ? stage.done : sum(tasks.map(each => each.done));
  const done = isBytes(stage.unit)
    ? progress(number, null, stage.unit)
    : `${count(number)} ${isolate(stage.unit)}`;
  const failed = sum(tasks.map(each => (each.tasks?.failed ?? 0) + (each.tasks?.abandoned ?? 0)));
  return failed === 0
    ? words.__('%1 in %2', done, time)
    : words.__('%1 in %2, %3 failed', done, time, count(failed));
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((all, each) => all + each, 0);
}

/** Where it stands or stood: `after 3 min 12 s at 61 %`, `last seen 02:14 at 71 %`. */
export function standOf(snapshot: Snapshot, look: Look, watch: IWatch, words: IWords): string {
  const at = snapshot.fraction === null ? null : percent(snapshot.fraction);
  if (look === 'failed' || look === 'cancelled') {
    const time = duration(snapshot.elapsed_s ?? 0, true);
    return at === null ? words.__('after %1', time) : words.__('after %1 at %2', time, at);
  }
  const seen = lastSeen(snapshot);
  if (seen === null) {
    return at === null ? '' : words.__('last seen at %1', at);
  }
  const when = moment(seen, watch.now);
  return at === null ? words.__('last seen %1', when) : words.__('last seen %1 at %2', when, at);
}

/** How many times its lower end the upper end of a range may be. */
const VAGUE = 30;

export interface ILeft {
  /** How long still, or that it is unknown. */
  readonly main: string;
  readonly known: boolean;
  /** The range of it, where one is known and `main` is not the range itself. */
  readonly range: string | null;
}

/** How long still; null where nothing can be said yet. In the panel the range itself, where one is known. */
export function leftOf(
  snapshot: Snapshot,
  watch: IWatch,
  panel: boolean,
  words: IWords
): ILeft | null {
  const { estimate } = snapshot;
  const unknown: ILeft = {
    main: panel ? words.__('unknown') : words.__('time left unknown'),
    known: false,
    range: null
  };
  if (estimate === null) {
    return (snapshot.elapsed_s ?? 0) < 2 ? null : unknown;
  }
  if (stalledFor(snapshot, watch) !== null) {
    return unknown;
  }
  const { p10_s, p50_s, p90_s } = estimate;
  if (p10_s !== null && (p90_s ?? 0) > VAGUE * (p10_s + 1)) {
    // From minutes to days says nothing but its lower end.
    return { ...unknown, main: words.__('at least %1', roughly(p10_s)) };
  }
  const between =
    p10_s !== null && p90_s !== null && roughly(p10_s) !== roughly(p90_s)
      ? range(p10_s, p90_s)
      : null;
  if (panel) {
    return { main: between ?? roughly(p50_s), known: true, range: null };
  }
  const main = p50_s < 1 ? words.__('a moment left') : words.__('about %1 left', roughly(p50_s));
  return { main, known: true, range: between };
}

/** Why it failed, and in which stage. */
export function failureOf(snapshot: Snapshot, words: IWords): string {
  const stage = currentStage(snapshot);
  const where = stage !== null && snapshot.stages.length > 1 ? stage.name : null;
  const why = snapshot.error === null ? words.__('no reason given') : errorText(snapshot.error);
  return where === null ? why : words.__('%1 (in %2)', why, isolate(where));
}

/** `ValueError: no such column`. */
export function errorText({ type, message }: { type: string; message: string }): string {
  return isolate([type, message].filter(part => part !== '').join(': '));
}

/** `698 / 1,836 files`. */
export function countsOf({ done, total, unit }: Pick<Stage, 'done' | 'total' | 'unit'>): string {
  return progress(done, total, isolate(unit));
}

/** The metrics in the order in which they were set: `loss 0.31`. */
export function metricsOf(snapshot: Snapshot): [name: string, value: string][] {
  return Object.entries(snapshot.metrics).map(([name, value]) => [
    name,
    value === null ? '–' : metric(value)
  ]);
}

/** A process that has no file to be named by: `pid 812 on h`. */
export function processText({ pid, host }: Origin, words: IWords): string {
  if (pid === null) {
    return host === null ? words.__('elsewhere') : isolate(host);
  }
  return host === null ? words.__('pid %1', pid) : words.__('pid %1 on %2', pid, isolate(host));
}

/** The whole state as one sentence, for those who hear it instead of seeing it. */
export function spokenOf(snapshot: Snapshot, look: Look, watch: IWatch, words: IWords): string {
  if (look === 'succeeded') {
    return words.__('succeeded, %1', outcomeOf(snapshot, null, words));
  }
  const parts = tagsOf(snapshot, look, watch, words).map(tag => tag.text);
  if (look === 'failed') {
    parts.push(failureOf(snapshot, words));
  }
  if (['running', 'paused', 'pending', 'simulated', 'other'].includes(look)) {
    parts.push(snapshot.fraction === null ? words.__('total unknown') : percent(snapshot.fraction));
  } else {
    parts.push(standOf(snapshot, look, watch, words));
  }
  const stage = currentStage(snapshot);
  if (stage !== null) {
    const counted = countsOf(stage);
    parts.push(snapshot.stages.length > 1 ? `${isolate(stage.name)} ${counted}` : counted);
  }
  if (look === 'running' || look === 'simulated') {
    parts.push(leftOf(snapshot, watch, false, words)?.main ?? '');
  }
  return parts.filter(part => part !== '').join(', ');
}

/** A sentence where the state is doubtful: what the viewer may and may not conclude. */
export function cautionOf(snapshot: Snapshot, look: Look, words: IWords): string | null {
  switch (look) {
    case 'offline':
      return words.__(
        'The server cannot be reached. The work may go on; this is its last known state.'
      );
    case 'simulated':
      return words.__(
        'The server cannot be reached. The work may go on; this is a projection from its last known state.'
      );
    case 'stale':
      return words.__('Its process has not been heard of lately. It may be busy or asleep.');
    case 'lost':
      return snapshot.error?.type === LOST
        ? words.__('Its kernel ended before it did.')
        : words.__('Its process has not been heard of again; nobody saw it end.');
    case 'unknown':
      return words.__(
        'As it was when the notebook was saved; this server does not know how it ended.'
      );
    default:
      return null;
  }
}

function quietFor(snapshot: Snapshot, watch: IWatch): number {
  const seen = lastSeen(snapshot);
  return seen === null ? 0 : Math.max(0, watch.now - seen);
}
