import {
  ENOUGH_RUNS,
  type IAccuracy,
  type ILane,
  type IRun,
  type IUsual,
  type Outcome,
  ratioOf,
  SLOW
} from '../../model';
import { count, duration, moment, percent } from '../format';
import type { IWords } from '../words';

/** The word for how a run ended. */
export function outcomeText(outcome: Outcome, endedEarly: boolean, words: IWords): string {
  switch (outcome) {
    case 'succeeded':
      return endedEarly ? words.__('ended early') : words.__('succeeded');
    case 'failed':
      return words.__('failed');
    case 'cancelled':
      return words.__('cancelled');
    case 'lost':
      return words.__('lost');
    case 'unknown':
      return words.__('unknown');
  }
}

/** `1.7× usual`, `12× usual`. */
export function ratioText(ratio: number, words: IWords): string {
  return words.__('%1× usual', ratio < 9.95 ? ratio.toFixed(1) : Math.round(ratio));
}

/** A kind as people call it: `Survey (job.py:main)` for `Survey@/home/me/job.py:main`. */
export function kindName(kind: string): string {
  const [, name, place] = /^(.+)@(?:.*[\\/])?([^\\/]+)$/.exec(kind) ?? [];
  return name === undefined || place === undefined ? kind : `${name} (${place})`;
}

/** The names of kinds; a kind whose name another one has too keeps its whole key. */
export function kindNames(kinds: readonly string[]): ReadonlyMap<string, string> {
  const named = new Map<string, number>();
  for (const kind of kinds) {
    const name = kindName(kind);
    named.set(name, (named.get(name) ?? 0) + 1);
  }
  return new Map(
    kinds.map(kind => [kind, named.get(kindName(kind)) === 1 ? kindName(kind) : kind])
  );
}

export function runsText(runs: number, words: IWords): string {
  return runs === 1 ? words.__('1 run') : words.__('%1 runs', count(runs));
}

/** A mark on an axis of time: `0`, `0.5 s`, `90 s` as `1 min 30 s`, `2 h`. */
export function markText(seconds: number): string {
  if (seconds < 60) {
    return seconds === 0 ? '0' : `${Number(seconds.toPrecision(3))} s`;
  }
  const parts: [number, string][] = [
    [Math.floor(seconds / 86_400), 'd'],
    [Math.floor(seconds / 3_600) % 24, 'h'],
    [Math.floor(seconds / 60) % 60, 'min'],
    [Math.round(seconds % 60), 's']
  ];
  return parts
    .filter(([value]) => value > 0)
    .map(part => part.join(' '))
    .join(' ');
}

/** `1 min 20 s–1 min 52 s`, `0.2–0.4 s`. */
export function spreadText(low: number, high: number): string {
  const [from, to] = [duration(low, true), duration(high, true)];
  return from === to
    ? from
    : from.endsWith(' s') && to.endsWith(' s') && high < 60
      ? `${from.slice(0, -2)}–${to}`
      : `${from}–${to}`;
}

/** The answer to "is this run normal?", in a sentence or two. */
export function normalText(
  run: IRun,
  usual: ReadonlyMap<string, IUsual>,
  words: IWords
): string | null {
  const known = run.kind === null ? undefined : usual.get(run.kind);
  if (known === undefined) {
    return run.kind === null
      ? words.__('It has no kind, so there is nothing to compare it with.')
      : words.__('Not known yet: what is usual shows after %1 successful runs.', ENOUGH_RUNS);
  }
  const [low, median, high] = known.total_s;
  const most = words.__(
    '8 of 10 runs take %1, the median is %2 (%3).',
    spreadText(low, high),
    duration(median, true),
    runsText(known.runs, words)
  );
  const ratio = ratioOf(run, usual);
  if (ratio === null) {
    return most;
  }
  const how =
    ratio >= SLOW
      ? words.__('Slower than usual: %1 times the median.', ratio.toFixed(1))
      : ratio <= 1 / SLOW
        ? words.__('Faster than usual: %1 times the median.', ratio.toFixed(1))
        : words.__('As usual.');
  return `${how} ${most}`;
}

/** A kind's runs in words: what the plot shows, for those who do not see it. `runs` in the order of time; `open` go on. */
export function kindText(
  runs: readonly IRun[],
  usual: IUsual | undefined,
  open: number,
  now: number,
  words: IWords
): string {
  const parts = [runsText(runs.length, words)];
  if (open > 0) {
    parts.push(words.__('%1 running', open));
  }
  if (usual !== undefined) {
    const [low, median, high] = usual.total_s;
    parts.push(words.__('median %1', duration(median, true)));
    parts.push(words.__('8 of 10 take %1', spreadText(low, high)));
  }
  for (const [outcome, text] of [
    ['failed', '%1 failed'],
    ['cancelled', '%1 cancelled'],
    ['lost', '%1 lost']
  ] as const) {
    const number = runs.filter(run => run.outcome === outcome).length;
    if (number > 0) {
      parts.push(words.__(text, number));
    }
  }
  const ended = runs.filter(run => run.outcome === 'succeeded' && run.duration_s !== null);
  const longest = ended.reduce<IRun | null>(
    (most, run) => ((run.duration_s ?? 0) > (most?.duration_s ?? -1) ? run : most),
    null
  );
  if (longest !== null && longest.startedAt !== null && ended.length > 1) {
    parts.push(
      words.__(
        'the longest took %1 (%2)',
        duration(longest.duration_s ?? 0, true),
        moment(longest.startedAt, now)
      )
    );
  }
  return parts.join(', ');
}

/** How busy the workers were. */
export function lanesText(lanes: readonly ILane[], length_s: number, words: IWords): string {
  const spans = lanes.flatMap(({ rows }) => rows.flat());
  const tasks = new Set(spans.map(({ stage, task }) => JSON.stringify([stage, task]))).size;
  const busy = lanes.reduce((sum, { busy_s }) => sum + busy_s, 0);
  const share = length_s > 0 ? Math.min(1, busy / (length_s * lanes.length)) : 0;
  return lanes.length === 1
    ? words.__('%1 tasks on 1 worker, busy %2 of the time', count(tasks), percent(share))
    : words.__(
        '%1 tasks on %2 workers, busy %3 of the time',
        count(tasks),
        lanes.length,
        percent(share)
      );
}

/** How good the estimates of one run were. */
export function accuracyText(accuracy: IAccuracy, words: IWords): string {
  const parts = [
    accuracy.goodFrom === null
      ? words.__('The predicted end did not come within 10 % of the true one for good.')
      : accuracy.goodFrom < 0.01
        ? words.__('From the start the predicted end was within 10 % of the true one.')
        : words.__(
            'From %1 of the time on the predicted end was within 10 % of the true one.',
            percent(accuracy.goodFrom)
          ),
    words.__(
      'The time left was wrong by %1 in the median.',
      `${Math.round(accuracy.medianError * 100)} %`
    )
  ];
  if (accuracy.held !== null) {
    parts.push(
      words.__('The range held the truth in %1 of the estimates.', percent(accuracy.held))
    );
  }
  return parts.join(' ');
}
