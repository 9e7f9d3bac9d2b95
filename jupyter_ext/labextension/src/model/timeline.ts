import type { EstimateSample, Snapshot, Span, Stage, Task } from '../protocol';
import { quantile } from './statistics';

/** One attempt of one task on one worker; times are seconds since the operation began. */
export interface ISpan {
  readonly task: string;
  readonly stage: string;
  readonly worker: string;
  readonly attempt: number;
  readonly start_s: number;
  readonly end_s: number;
  readonly state: Task['state'];
}

/** Spans under names. */
export function spansOf(spans: readonly Span[]): ISpan[] {
  return spans.map(([task, stage, worker, attempt, start_s, end_s, state]) => ({
    task,
    stage,
    worker,
    attempt,
    start_s,
    end_s: Math.max(start_s, end_s),
    state
  }));
}

/** The spans of the tasks that a snapshot lists: what there is of a run that never sent its timeline. */
export function spansOfTasks(tasks: readonly Task[]): ISpan[] {
  return tasks.flatMap(({ name, stage, worker, attempt, started_s, elapsed_s, state }) =>
    started_s === null
      ? []
      : [
          {
            task: name,
            stage,
            worker: worker ?? '',
            attempt,
            start_s: started_s,
            end_s: started_s + (elapsed_s ?? 0),
            state
          }
        ]
  );
}

/** What one worker did: as many rows as it did things at once. */
export interface ILane {
  readonly worker: string;
  readonly rows: readonly (readonly ISpan[])[];
  /** For how many seconds it did anything. */
  readonly busy_s: number;
}

/** The spans by worker, workers in the order of their names (2 before 10), each span in the first row where it fits. */
export function lanesOf(spans: readonly ISpan[]): ILane[] {
  const byWorker = new Map<string, ISpan[]>();
  for (const span of [...spans].sort((a, b) => a.start_s - b.start_s || a.end_s - b.end_s)) {
    const own = byWorker.get(span.worker);
    if (own === undefined) {
      byWorker.set(span.worker, [span]);
    } else {
      own.push(span);
    }
  }
  return [...byWorker]
    .sort(([a], [b]) => a.localeCompare(b, undefined, { numeric: true }))
    .map(([worker, own]) => ({ worker, ...packed(own) }));
}

function packed(spans: readonly ISpan[]): { rows: ISpan[][]; busy_s: number } {
  const rows: ISpan[][] = [];
  const ends: number[] = [];
  let busy_s = 0;
  let until = 0;
  for (const span of spans) {
    // Clocks of two processes differ by a little; what overlaps by less than that came one after the other.
    const free = ends.findIndex(end => end <= span.start_s + CLOCK_SLACK_S);
    const row = free < 0 ? rows.length : free;
    (rows[row] ??= []).push(span);
    ends[row] = span.end_s;
    busy_s += Math.max(0, span.end_s - Math.max(until, span.start_s));
    until = Math.max(until, span.end_s);
  }
  return { rows, busy_s };
}

const CLOCK_SLACK_S = 0.002;

/** One stage's part of the time of a run. */
export interface IShare {
  readonly name: string;
  readonly state: Stage['state'];
  readonly start_s: number | null;
  readonly elapsed_s: number;
  /** Of the time of all stages, 0 to 1. */
  readonly share: number;
}

/** Where the time went by stage, in the order of the plan; stages that were not entered have no share. */
export function sharesOf(stages: readonly Stage[]): IShare[] {
  const whole = stages.reduce((sum, stage) => sum + (stage.elapsed_s ?? 0), 0);
  return stages.map(({ name, state, started_s, elapsed_s }) => ({
    name,
    state,
    start_s: started_s,
    elapsed_s: elapsed_s ?? 0,
    share: whole > 0 ? (elapsed_s ?? 0) / whole : 0
  }));
}

/** A task with all its attempts. */
export interface ITaskTime {
  readonly task: string;
  readonly stage: string;
  readonly worker: string;
  readonly attempts: number;
  readonly total_s: number;
  readonly state: Task['state'];
}

/** The `most` tasks that took longest, all attempts together. */
export function longestTasks(spans: readonly ISpan[], most: number): ITaskTime[] {
  const tasks = new Map<string, ITaskTime>();
  for (const span of [...spans].sort((a, b) => a.start_s - b.start_s)) {
    const key = JSON.stringify([span.stage, span.task]);
    const known = tasks.get(key);
    tasks.set(key, {
      task: span.task,
      stage: span.stage,
      worker: span.worker,
      attempts: (known?.attempts ?? 0) + 1,
      total_s: (known?.total_s ?? 0) + span.end_s - span.start_s,
      state: span.state
    });
  }
  return [...tasks.values()].sort((a, b) => b.total_s - a.total_s).slice(0, most);
}

/** Seconds spent in attempts that came to nothing. */
export function wasted(spans: readonly ISpan[]): number {
  return spans.reduce(
    (sum, { state, start_s, end_s }) =>
      sum + (state === 'failed' || state === 'abandoned' ? end_s - start_s : 0),
    0
  );
}

/** When a run ended or was last heard of, in seconds since it began. */
export function lengthOf(snapshot: Snapshot, spans: readonly ISpan[]): number {
  const stages = snapshot.stages.map(({ started_s, elapsed_s }) =>
    started_s === null ? 0 : started_s + (elapsed_s ?? 0)
  );
  return spans.reduce(
    (most, { end_s }) => Math.max(most, end_s),
    Math.max(snapshot.elapsed_s ?? 0, ...stages)
  );
}

/** When the end was predicted to be, as it was predicted `at_s`; all in seconds since the operation began. */
export interface IPrediction {
  readonly at_s: number;
  readonly fraction: number | null;
  readonly low_s: number | null;
  readonly end_s: number;
  readonly high_s: number | null;
}

/** Estimates of what remained, as predictions of the end. */
export function predictionsOf(samples: readonly EstimateSample[]): IPrediction[] {
  return samples.map(([at_s, fraction, p10, p50, p90]) => ({
    at_s,
    fraction,
    low_s: p10 === null ? null : at_s + p10,
    end_s: at_s + p50,
    high_s: p90 === null ? null : at_s + p90
  }));
}

/** How good the predictions of one run were. */
export interface IAccuracy {
  /** The middle of the errors of what was predicted to remain, relative to what did; of those made before the last 5 %. */
  readonly medianError: number;
  /** From which part of the time on the predicted end was within 10 % of the run's length; null: never for good. */
  readonly goodFrom: number | null;
  /** How many of the ranges held the truth, 0 to 1; null where there were none. */
  readonly held: number | null;
}

/** Predictions against the true end; null where there is nothing to compare. */
export function accuracyOf(predictions: readonly IPrediction[], end_s: number): IAccuracy | null {
  const made = predictions.filter(({ at_s }) => at_s < end_s * 0.95);
  if (made.length === 0 || end_s <= 0) {
    return null;
  }
  const errors = made
    .map(({ at_s, end_s: predicted }) => Math.abs(predicted - end_s) / (end_s - at_s))
    .sort((a, b) => a - b);
  const off = (prediction: IPrediction): boolean =>
    Math.abs(prediction.end_s - end_s) > end_s * 0.1;
  const lastOff = made.map(off).lastIndexOf(true);
  const ranges = made.flatMap(({ low_s, high_s }) =>
    low_s === null || high_s === null ? [] : [Number(low_s <= end_s && end_s <= high_s)]
  );
  return {
    medianError: quantile(errors, 0.5),
    goodFrom: lastOff === made.length - 1 ? null : (made[lastOff + 1]?.at_s ?? 0) / end_s,
    held: ranges.length === 0 ? null : ranges.reduce((sum, held) => sum + held, 0) / ranges.length
  };
}
