import * as React from 'react';
import type UPlot from 'uplot';

import { elapsedAt, type IRun, type IUsual, OUTCOMES, SLOW, timeSteps } from '../../model';
import type { Snapshot } from '../../protocol';
import { duration, moment } from '../format';
import { useTick } from '../use-now';
import type { IWords } from '../words';
import { drawMark, Mark, markColor } from './markers';
import { type Drawing, type IColors, Plot } from './plot';
import { kindText, markText, outcomeText, ratioText } from './texts';

const HEIGHT = 170;

export interface IKindPlotProps {
  /** The runs of one kind, in the order of time. */
  readonly runs: readonly IRun[];
  /** Those that have not ended, as they are now. */
  readonly live: () => readonly Snapshot[];
  readonly usual: IUsual | undefined;
  /** The run to point out. */
  readonly selected: string | null;
  readonly clock: { now(): number };
  readonly onSelect: (id: string) => void;
  readonly words: IWords;
}

/** How long the runs of one kind took, one after the other: the median, what is usual, and what went wrong. */
export function KindPlot(props: IKindPlotProps): React.JSX.Element {
  const { runs, live, usual, selected, clock, onSelect, words } = props;
  const [under, setUnder] = React.useState<IRun | null>(null);
  useTick(true);
  const now = clock.now();
  const open = live().map(snapshot => openRun(snapshot, now));
  const latest = React.useRef(open);
  latest.current = open;
  const draw = React.useCallback(
    (colors: IColors) =>
      drawing(runs, open.length, () => latest.current, usual, selected, colors, {
        label: at => moment(at, clock.now()),
        onMove: place => setUnder(place === null ? null : (runs[place] ?? null))
      }),
    [runs, open.length, usual, selected, clock]
  );
  const present = OUTCOMES.filter(outcome => runs.some(run => run.outcome === outcome));
  return (
    <figure className="pk-figure">
      <Plot
        label={kindText(runs, usual, open.length, now, words)}
        height={HEIGHT}
        draw={draw}
        beat={open.length === 0 ? 0 : now}
        onClick={place => {
          const run = runs[place];
          if (run !== undefined) {
            onSelect(run.id);
          }
        }}
      />
      <figcaption className="pk-legend">
        {present.map(outcome => (
          <span key={outcome}>
            <Mark outcome={outcome} />
            {outcomeText(outcome, false, words)}
          </span>
        ))}
        {open.length > 0 && (
          <span>
            <Mark outcome="running" />
            {words.__('running')}
          </span>
        )}
        {runs.some(run => isSlow(run, usual)) && (
          <span>
            <Mark outcome="slow" />
            {words.__('slower than usual')}
          </span>
        )}
        {usual !== undefined && (
          <span>
            <i className="pk-legend-median" aria-hidden="true" />
            {words.__('median %1', duration(usual.total_s[1], true))}
          </span>
        )}
        <span className="pk-under" aria-hidden="true">
          {under !== null && underText(under, usual, clock.now(), words)}
        </span>
      </figcaption>
    </figure>
  );
}

function underText(run: IRun, usual: IUsual | undefined, now: number, words: IWords): string {
  const time = run.duration_s === null ? '–' : duration(run.duration_s, true);
  const ratio =
    usual !== undefined && run.outcome === 'succeeded' && run.duration_s !== null
      ? ratioText(run.duration_s / usual.total_s[1], words)
      : outcomeText(run.outcome, run.endedEarly, words);
  return [run.startedAt === null ? null : moment(run.startedAt, now), time, ratio]
    .filter(part => part !== null)
    .join(' · ');
}

interface IWordsOfPlot {
  readonly label: (at: number) => string;
  readonly onMove: (place: number | null) => void;
}

/** A run that has not ended: for how long it has run, and how long it will in all as far as that is known. */
interface IOpenRun {
  readonly elapsed_s: number;
  readonly whole_s: number | null;
}

function openRun(snapshot: Snapshot, now: number): IOpenRun {
  const { estimate } = snapshot;
  const elapsed_s = elapsedAt(snapshot, now) ?? 0;
  return {
    elapsed_s,
    whole_s:
      estimate === null ? null : Math.max(elapsed_s, (snapshot.elapsed_s ?? 0) + estimate.p50_s)
  };
}

function drawing(
  runs: readonly IRun[],
  opens: number,
  open: () => readonly IOpenRun[],
  usual: IUsual | undefined,
  selected: string | null,
  colors: IColors,
  { label, onMove }: IWordsOfPlot
): Drawing {
  const last = runs.length + opens - 1;
  const durations = Array.from({ length: last + 1 }, (_, place) => runs[place]?.duration_s ?? null);
  const longest = (): number =>
    Math.max(0, ...open().map(({ elapsed_s, whole_s }) => whole_s ?? elapsed_s));
  return {
    data: [durations.map((_, place) => place), durations],
    padding: [12, 12, 0, 0],
    scales: {
      x: { time: false, range: () => [Math.min(-0.5, last - 4.5), last + 0.5] },
      y: {
        range: (_, __, max) => [0, 1.1 * Math.max(max, usual?.total_s[2] ?? 0, longest(), 1e-3)]
      }
    },
    series: [{}, { points: { show: false }, paths: () => null }],
    axes: [
      {
        size: 26,
        space: 84,
        incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000],
        grid: { show: false },
        values: (_, places) =>
          places.map(place => {
            const at = runs[place]?.startedAt ?? null;
            return at === null ? '' : label(at);
          })
      },
      { size: 58, space: 34, incrs: timeSteps(), values: (_, marks) => marks.map(markText) }
    ],
    // The nearest run, without a line: a mark is pointed at, not a moment.
    cursor: { x: false },
    hooks: {
      drawAxes: [chart => usual !== undefined && drawUsual(chart, usual, colors)],
      draw: [
        chart => drawRuns(chart, runs, usual, selected, colors),
        chart => drawOpen(chart, runs.length, open(), colors)
      ],
      setCursor: [chart => onMove(chart.cursor.idx ?? null)]
    }
  };
}

/** The band in which 8 of 10 runs end, and the median's line. */
function drawUsual(chart: UPlot, usual: IUsual, colors: IColors): void {
  const { ctx, bbox } = chart;
  const [low, median, high] = usual.total_s.map(value => chart.valToPos(value, 'y', true));
  if (low === undefined || median === undefined || high === undefined) {
    return;
  }
  ctx.save();
  ctx.fillStyle = colors.fill;
  ctx.globalAlpha = 0.12;
  ctx.fillRect(bbox.left, high, bbox.width, Math.max(1, low - high));
  ctx.globalAlpha = 1;
  ctx.strokeStyle = colors.fill;
  ctx.lineWidth = devicePixelRatio;
  ctx.setLineDash([5 * devicePixelRatio, 4 * devicePixelRatio]);
  ctx.beginPath();
  ctx.moveTo(bbox.left, median);
  ctx.lineTo(bbox.left + bbox.width, median);
  ctx.stroke();
  ctx.restore();
}

function drawRuns(
  chart: UPlot,
  runs: readonly IRun[],
  usual: IUsual | undefined,
  selected: string | null,
  colors: IColors
): void {
  const { ctx } = chart;
  const size = (runs.length > 400 ? 2 : 3.5) * devicePixelRatio;
  ctx.save();
  runs.forEach((run, place) => {
    if (run.duration_s === null) {
      return;
    }
    const x = chart.valToPos(place, 'x', true);
    const y = chart.valToPos(run.duration_s, 'y', true);
    ctx.fillStyle = ctx.strokeStyle = markColor(run.outcome, colors);
    ctx.lineWidth = 1.6 * devicePixelRatio;
    drawMark(ctx, run.outcome, x, y, size);
    if (isSlow(run, usual)) {
      ring(ctx, x, y, 1.9 * size, colors.warn);
    }
    if (run.id === selected) {
      ring(ctx, x, y, 2.8 * size, colors.text);
    }
  });
  ctx.restore();
}

/** What runs now: a ring that rises, on a line to where it is expected to end. */
function drawOpen(chart: UPlot, first: number, open: readonly IOpenRun[], colors: IColors): void {
  const { ctx } = chart;
  const size = 4 * devicePixelRatio;
  ctx.save();
  ctx.lineWidth = 1.6 * devicePixelRatio;
  ctx.strokeStyle = colors.fill;
  open.forEach(({ elapsed_s, whole_s }, place) => {
    const x = chart.valToPos(first + place, 'x', true);
    const y = chart.valToPos(elapsed_s, 'y', true);
    const end = chart.valToPos(whole_s ?? elapsed_s, 'y', true);
    ring(ctx, x, y, size, colors.fill);
    if (end < y - 2 * size) {
      ctx.setLineDash([2 * devicePixelRatio, 3 * devicePixelRatio]);
      ctx.beginPath();
      ctx.moveTo(x, y - size);
      ctx.lineTo(x, end);
      ctx.stroke();
      ctx.setLineDash([]);
      ctx.beginPath();
      ctx.moveTo(x - size, end);
      ctx.lineTo(x + size, end);
      ctx.stroke();
    }
  });
  ctx.restore();
}

function isSlow({ outcome, duration_s }: IRun, usual: IUsual | undefined): boolean {
  return (
    usual !== undefined && outcome === 'succeeded' && (duration_s ?? 0) >= SLOW * usual.total_s[1]
  );
}

function ring(
  context: CanvasRenderingContext2D,
  x: number,
  y: number,
  size: number,
  color: string
): void {
  context.strokeStyle = color;
  context.beginPath();
  context.arc(x, y, size, 0, 2 * Math.PI);
  context.stroke();
}
