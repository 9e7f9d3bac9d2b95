import * as React from 'react';

import { type ILane, type IShare, type ISpan, lanesOf, ticks } from '../../model';
import { duration } from '../format';
import type { IWords } from '../words';
import { lanesText, markText } from './texts';

/** Beyond this many workers the rest is shown on request. */
const MOST_LANES = 24;
const MARKS = 6;

interface IGanttProps {
  readonly stages: readonly IShare[];
  readonly spans: readonly ISpan[];
  /** Seconds from the beginning to the end of the run. */
  readonly length_s: number;
  readonly words: IWords;
}

/** One run on its workers: the stages above, then a lane for each worker with the tasks that it did. */
export function Gantt({ stages, spans, length_s, words }: IGanttProps): React.JSX.Element {
  const lanes = React.useMemo(() => lanesOf(spans), [spans]);
  const [whole, setWhole] = React.useState(false);
  const shown = whole ? lanes : lanes.slice(0, MOST_LANES);
  const entered = stages.filter(({ start_s }) => start_s !== null);
  const text = lanes.length === 0 ? null : lanesText(lanes, length_s, words);
  return (
    <div className="pk-gantt">
      {text !== null && <p className="pk-answer">{text}</p>}
      <div
        className="pk-gantt-chart"
        role="img"
        aria-label={[
          ...entered.map(({ name, start_s, elapsed_s }) =>
            words.__('%1 from %2 to %3', name, at(start_s ?? 0), at((start_s ?? 0) + elapsed_s))
          ),
          ...(text === null ? [] : [text])
        ].join(', ')}
      >
        {entered.length > 0 && (
          <div className="pk-lane pk-lane-stages">
            <span className="pk-lane-name">{words.__('stages')}</span>
            <div className="pk-lane-rows">
              <div className="pk-track">
                {entered.map(stage => (
                  <span
                    key={stage.name}
                    className={`pk-span pk-span-stage pk-span-${stage.state}`}
                    style={place(stage.start_s ?? 0, stage.elapsed_s, length_s)}
                    title={`${stage.name} · ${at(stage.start_s ?? 0)} + ${duration(stage.elapsed_s, true)}`}
                  >
                    {stage.name}
                  </span>
                ))}
              </div>
            </div>
          </div>
        )}
        {shown.map(lane => (
          <Lane key={lane.worker} lane={lane} length_s={length_s} words={words} />
        ))}
        <div className="pk-lane pk-axis">
          <span className="pk-lane-name" />
          <div className="pk-track">
            {ticks(length_s, MARKS).map(mark => (
              <span key={mark} style={{ left: `${(100 * mark) / length_s || 0}%` }}>
                {mark < 0.93 * length_s && markText(Number(mark.toPrecision(6)))}
              </span>
            ))}
          </div>
        </div>
      </div>
      {shown.length < lanes.length && (
        <button type="button" className="pk-button" onClick={() => setWhole(true)}>
          {words.__('show all %1 workers', lanes.length)}
        </button>
      )}
    </div>
  );
}

interface ILaneProps {
  lane: ILane;
  length_s: number;
  words: IWords;
}

function Lane({ lane, length_s, words }: ILaneProps): React.JSX.Element {
  const name = lane.worker === '' ? words.__('tasks') : lane.worker;
  return (
    <div className="pk-lane">
      <span className="pk-lane-name" title={name}>
        {name}
      </span>
      <div className="pk-lane-rows">
        {lane.rows.map((row, number) => (
          <div key={number} className="pk-track">
            {row.map(span => (
              <span
                key={`${span.task} ${span.attempt} ${span.start_s}`}
                className={`pk-span pk-span-${span.state}`}
                style={place(span.start_s, span.end_s - span.start_s, length_s)}
                title={spanText(span, words)}
              />
            ))}
          </div>
        ))}
      </div>
    </div>
  );
}

function spanText({ task, stage, attempt, start_s, end_s, state }: ISpan, words: IWords): string {
  const parts = [task, stage, `${at(start_s)} + ${duration(end_s - start_s, true)}`, state];
  return (attempt > 1 ? [...parts, words.__('attempt %1', attempt)] : parts).join(' · ');
}

function at(seconds: number): string {
  return duration(seconds, true);
}

function place(start_s: number, elapsed_s: number, length_s: number): React.CSSProperties {
  const percent = (seconds: number): string =>
    `${length_s > 0 ? Math.min(100, (100 * seconds) / length_s) : 0}%`;
  return { left: percent(start_s), width: percent(elapsed_s) };
}
