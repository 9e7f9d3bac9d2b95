import { isTerminal, type Snapshot } from '../protocol';
import { quantiles, type Quantiles } from './statistics';
import { placeOf } from './where';

/** How a run ended. `lost`: nobody saw it end; `unknown`: a newer hub has a word for it that this page does not know. */
export type Outcome = 'succeeded' | 'failed' | 'cancelled' | 'lost' | 'unknown';

export const OUTCOMES: readonly Outcome[] = ['succeeded', 'failed', 'cancelled', 'lost'];

/** What a table of many runs keeps of each. Times are wall-clock seconds, durations seconds. */
export interface IRun {
  readonly id: string;
  readonly name: string;
  readonly kind: string | null;
  readonly where: string;
  readonly outcome: Outcome;
  readonly endedEarly: boolean;
  readonly startedAt: number | null;
  readonly duration_s: number | null;
  readonly error: string;
  /** What a search looks through, in lower case. */
  readonly text: string;
}

/** What is usual for a kind: of how many runs, and how long they took. */
export interface IUsual {
  readonly runs: number;
  readonly total_s: Quantiles;
}

/** With fewer runs than this nothing is usual. */
export const ENOUGH_RUNS = 3;

/** A run that took this many times the median, or more, took unusually long. */
export const SLOW = 1.25;

export function runOf(snapshot: Snapshot): IRun {
  const { id, name, kind, origin, error, ended_early, started_at, elapsed_s } = snapshot;
  const why = error === null ? '' : [error.type, error.message].filter(Boolean).join(': ');
  const where = placeOf(origin);
  const path = origin.notebook ?? origin.script ?? '';
  return {
    id,
    name,
    kind,
    where,
    outcome: outcomeOf(snapshot),
    endedEarly: ended_early,
    startedAt: started_at,
    duration_s: elapsed_s,
    error: why,
    text: [name, kind, where, path, origin.host, why].join('\n').toLowerCase()
  };
}

/** The outcome of an operation that is history. One that never said its end was lost. */
export function outcomeOf({ state, error }: Snapshot): Outcome {
  if (isTerminal(state)) {
    return error?.type === 'Lost' ? 'lost' : (state as Outcome);
  }
  return state === 'running' || state === 'paused' || state === 'pending' ? 'lost' : 'unknown';
}

/** Which runs to show. */
export interface IRunFilter {
  /** Words that all have to be found, in name, kind, place or error. */
  readonly text: string;
  readonly kind: string | null;
  readonly outcome: Outcome | null;
}

export const EVERYTHING: IRunFilter = { text: '', kind: null, outcome: null };

/** Whether a run passes the filter. */
export function matcher({ text, kind, outcome }: IRunFilter): (run: IRun) => boolean {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  return run =>
    (kind === null || run.kind === kind) &&
    (outcome === null || run.outcome === outcome) &&
    words.every(word => run.text.includes(word));
}

/** Kind → what is usual for it, from the runs that succeeded and were not left early. */
export function usualOf(runs: Iterable<IRun>): Map<string, IUsual> {
  const durations = new Map<string, number[]>();
  for (const { kind, outcome, endedEarly, duration_s } of runs) {
    if (kind !== null && outcome === 'succeeded' && !endedEarly && duration_s !== null) {
      const known = durations.get(kind);
      if (known === undefined) {
        durations.set(kind, [duration_s]);
      } else {
        known.push(duration_s);
      }
    }
  }
  const usual = new Map<string, IUsual>();
  for (const [kind, values] of durations) {
    const total_s = quantiles(values);
    if (total_s !== null && values.length >= ENOUGH_RUNS) {
      usual.set(kind, { runs: values.length, total_s });
    }
  }
  return usual;
}

/** How many times the usual a run took; null where there is no usual, or the run did not come to its end. */
export function ratioOf(run: IRun, usual: ReadonlyMap<string, IUsual>): number | null {
  const median = run.kind === null ? undefined : usual.get(run.kind)?.total_s[1];
  return median === undefined || median <= 0 || run.outcome !== 'succeeded' || run.endedEarly
    ? null
    : (run.duration_s ?? NaN) / median || null;
}

export type SortKey = 'name' | 'where' | 'started' | 'duration' | 'ratio' | 'outcome';

export interface ISort {
  readonly key: SortKey;
  readonly descending: boolean;
}

export const NEWEST_FIRST: ISort = { key: 'started', descending: true };

/** The runs in order. What is not known comes last either way; equal ones newest first. */
export function sortRuns(
  runs: readonly IRun[],
  { key, descending }: ISort,
  usual: ReadonlyMap<string, IUsual>
): IRun[] {
  const value = valueOf(key, usual);
  const keyed = runs.map(run => ({ run, value: value(run) }));
  const sign = descending ? -1 : 1;
  keyed.sort((a, b) => {
    if (a.value === null || b.value === null) {
      return Number(a.value === null) - Number(b.value === null) || byStart(a.run, b.run);
    }
    const order =
      typeof a.value === 'string' && typeof b.value === 'string'
        ? collator.compare(a.value, b.value)
        : Number(a.value) - Number(b.value);
    return sign * order || byStart(a.run, b.run);
  });
  return keyed.map(({ run }) => run);
}

const collator = new Intl.Collator(undefined, { numeric: true, sensitivity: 'base' });

function byStart(a: IRun, b: IRun): number {
  return (b.startedAt ?? 0) - (a.startedAt ?? 0);
}

function valueOf(
  key: SortKey,
  usual: ReadonlyMap<string, IUsual>
): (run: IRun) => string | number | null {
  switch (key) {
    case 'name':
      return run => run.name;
    case 'where':
      return run => run.where;
    case 'started':
      return run => run.startedAt;
    case 'duration':
      return run => run.duration_s;
    case 'ratio':
      return run => ratioOf(run, usual);
    case 'outcome':
      return run => run.outcome;
  }
}
