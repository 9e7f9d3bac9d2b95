import type { Snapshot } from '../protocol';
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
import { currentStage, type IWatch, lastSeen, type Look, LOST, mainStage } from './view';
import type { IWords } from './words';

/** The short word beside the name that says what is unlike a normal run; null for a normal run. */
export function tagOf(snapshot: Snapshot, look: Look, watch: IWatch, words: IWords): string | null {
  switch (look) {
    case 'pending':
      return words.__('waiting');
    case 'paused':
      return words.__('paused');
    case 'failed':
      return words.__('failed');
    case 'cancelled':
      return words.__('cancelled');
    case 'stale':
      return words.__('no sign for %1', duration(quietFor(snapshot, watch)));
    case 'lost':
      return snapshot.error?.type === LOST
        ? words.__('lost: the kernel ended')
        : words.__('lost: no sign for %1', duration(quietFor(snapshot, watch)));
    case 'offline':
      return words.__('offline for %1', duration(watch.offlineFor_s ?? 0));
    case 'unknown':
      return words.__('not running here');
    default:
      return null;
  }
}

/** The one line of an operation that succeeded: `1,836 files in 1 min 43 s`. */
export function outcomeOf(snapshot: Snapshot, words: IWords): string {
  const time = duration(snapshot.elapsed_s ?? 0, true);
  const stage = mainStage(snapshot);
  if (snapshot.ended_early) {
    const at = stage ?? currentStage(snapshot);
    return at === null
      ? words.__('ended early after %1', time)
      : words.__('ended early at %1 after %2', progress(at.done, at.total, at.unit), time);
  }
  if (stage === null) {
    return words.__('in %1', time);
  }
  const done = isBytes(stage.unit)
    ? progress(stage.done, null, stage.unit)
    : `${count(stage.done)} ${stage.unit}`;
  return words.__('%1 in %2', done, time);
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

export interface ILeft {
  /** How long still. */
  readonly main: string;
  /** The range of it, where one is known. */
  readonly range: string | null;
}

/** How long still; null where nothing can be said yet. */
export function leftOf(snapshot: Snapshot, compact: boolean, words: IWords): ILeft | null {
  const { estimate } = snapshot;
  if (estimate === null) {
    return (snapshot.elapsed_s ?? 0) < 2
      ? null
      : { main: compact ? words.__('unknown') : words.__('time left unknown'), range: null };
  }
  const { p10_s, p50_s, p90_s } = estimate;
  const known = p10_s !== null && p90_s !== null && roughly(p10_s) !== roughly(p90_s);
  return {
    main: compact
      ? roughly(p50_s)
      : p50_s < 1
        ? words.__('a moment left')
        : words.__('about %1 left', roughly(p50_s)),
    range: known ? range(p10_s, p90_s) : null
  };
}

/** Why it failed, and in which stage. */
export function failureOf(snapshot: Snapshot, words: IWords): string {
  const { error } = snapshot;
  const stage = currentStage(snapshot);
  const where = stage !== null && snapshot.stages.length > 1 ? stage.name : null;
  const why =
    error === null
      ? words.__('no reason given')
      : error.message === ''
        ? error.type
        : `${error.type}: ${error.message}`;
  return where === null ? why : words.__('%1 (in %2)', why, where);
}

/** The metrics in the order in which they were set: `loss 0.31`. */
export function metricsOf(snapshot: Snapshot): [name: string, value: string][] {
  return Object.entries(snapshot.metrics).map(([name, value]) => [
    name,
    value === null ? '–' : metric(value)
  ]);
}

/** The whole state as one sentence, for those who hear it instead of seeing it. */
export function spokenOf(snapshot: Snapshot, look: Look, watch: IWatch, words: IWords): string {
  const parts: string[] = [];
  if (look === 'succeeded') {
    return words.__('succeeded, %1', outcomeOf(snapshot, words));
  }
  const tag = tagOf(snapshot, look, watch, words);
  if (tag !== null) {
    parts.push(tag);
  }
  if (look === 'failed') {
    parts.push(failureOf(snapshot, words));
  }
  if (look === 'running' || look === 'paused' || look === 'pending') {
    parts.push(snapshot.fraction === null ? words.__('total unknown') : percent(snapshot.fraction));
  } else {
    parts.push(standOf(snapshot, look, watch, words));
  }
  const stage = currentStage(snapshot);
  if (stage !== null) {
    const counted = progress(stage.done, stage.total, stage.unit);
    parts.push(snapshot.stages.length > 1 ? `${stage.name} ${counted}` : counted);
  }
  if (look === 'running') {
    parts.push(leftOf(snapshot, false, words)?.main ?? '');
  }
  return parts.filter(part => part !== '').join(', ');
}

/** The foot's sentence where the state is doubtful: what the viewer may and may not conclude. */
export function cautionOf(snapshot: Snapshot, look: Look, words: IWords): string | null {
  switch (look) {
    case 'offline':
      return words.__(
        'The server cannot be reached. The work may go on; this is its last known state.'
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
