import * as React from 'react';
import type UPlot from 'uplot';

import { accuracyOf, type IPrediction, timeSteps } from '../../model';
import { duration } from '../format';
import type { IWords } from '../words';
import { type Drawing, type IColors, Plot } from './plot';
import { accuracyText, markText } from './texts';

const HEIGHT = 170;

/** A first guess may be wild; it must not press all the rest flat. */
const MOST_TIMES = 2.5;

interface IEstimatePlotProps {
  readonly predictions: readonly IPrediction[];
  /** When the run ended, in seconds since it began. */
  readonly end_s: number;
  readonly words: IWords;
}

/** Estimate against truth: when the end was predicted to be, as the run went on, and when it was. */
export function EstimatePlot({
  predictions,
  end_s,
  words
}: IEstimatePlotProps): React.JSX.Element | null {
  const draw = React.useCallback(
    (colors: IColors) =>
      drawing(predictions, end_s, colors, words.__('ended after %1', duration(end_s, true))),
    [predictions, end_s, words]
  );
  const accuracy = accuracyOf(predictions, end_s);
  if (accuracy === null) {
    return null;
  }
  const text = accuracyText(accuracy, words);
  return (
    <figure className="pk-figure">
      <p className="pk-answer">{text}</p>
      <Plot
        label={words.__('The predicted end as the run went on. %1', text)}
        height={HEIGHT}
        draw={draw}
      />
      <figcaption className="pk-legend">
        <span>
          <i className="pk-legend-line" aria-hidden="true" />
          {words.__('predicted end')}
        </span>
        {predictions.some(({ low_s }) => low_s !== null) && (
          <span>
            <i className="pk-legend-band" aria-hidden="true" />
            {words.__('its range (10–90 %)')}
          </span>
        )}
        <span>
          <i className="pk-legend-truth" aria-hidden="true" />
          {words.__('true end')}
        </span>
      </figcaption>
    </figure>
  );
}

function drawing(
  predictions: readonly IPrediction[],
  end_s: number,
  colors: IColors,
  truth: string
): Drawing {
  const highest = predictions.reduce(
    (most, { end_s: end, high_s }) => Math.max(most, end, high_s ?? 0),
    end_s
  );
  return {
    data: [predictions.map(({ at_s }) => at_s), predictions.map(prediction => prediction.end_s)],
    padding: [12, 12, 0, 0],
    scales: {
      x: { time: false, range: () => [0, end_s] },
      y: { range: () => [0, 1.08 * Math.min(highest, MOST_TIMES * end_s)] }
    },
    series: [{}, { stroke: colors.fill, width: 2, points: { show: predictions.length < 3 } }],
    axes: [
      {
        size: 26,
        space: 70,
        incrs: timeSteps(),
        grid: { show: false },
        values: (_, marks) => marks.map(markText)
      },
      { size: 58, space: 34, incrs: timeSteps(), values: (_, marks) => marks.map(markText) }
    ],
    hooks: {
      drawAxes: [chart => drawRange(chart, predictions, colors)],
      draw: [chart => drawTruth(chart, end_s, truth, colors)]
    }
  };
}

function drawRange(chart: UPlot, predictions: readonly IPrediction[], colors: IColors): void {
  const { ctx, bbox } = chart;
  const edge = predictions.flatMap(({ at_s, low_s, high_s }) =>
    low_s === null || high_s === null ? [] : [{ x: chart.valToPos(at_s, 'x', true), low_s, high_s }]
  );
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  ctx.beginPath();
  for (const { x, high_s } of edge) {
    ctx.lineTo(x, chart.valToPos(high_s, 'y', true));
  }
  for (const { x, low_s } of edge.reverse()) {
    ctx.lineTo(x, chart.valToPos(low_s, 'y', true));
  }
  ctx.globalAlpha = 0.18;
  ctx.fillStyle = colors.fill;
  ctx.fill();
  ctx.restore();
}

function drawTruth(chart: UPlot, end_s: number, text: string, colors: IColors): void {
  const { ctx, bbox } = chart;
  const y = chart.valToPos(end_s, 'y', true);
  ctx.save();
  ctx.strokeStyle = ctx.fillStyle = colors.text;
  ctx.lineWidth = devicePixelRatio;
  ctx.setLineDash([2 * devicePixelRatio, 3 * devicePixelRatio]);
  ctx.beginPath();
  ctx.moveTo(bbox.left, y);
  ctx.lineTo(bbox.left + bbox.width, y);
  ctx.stroke();
  ctx.font = `${11 * devicePixelRatio}px ${colors.font}`;
  ctx.textAlign = 'right';
  ctx.textBaseline = 'top';
  ctx.fillText(text, bbox.left + bbox.width - 2 * devicePixelRatio, y + 3 * devicePixelRatio);
  ctx.restore();
}
