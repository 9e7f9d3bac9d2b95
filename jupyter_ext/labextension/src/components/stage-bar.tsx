import * as React from 'react';

import type { Stage } from '../protocol';
import { filled, isOpenEnded } from './view';

/** Beyond this many stages the gaps between segments take more room than they tell. */
const MANY = 16;

interface IStagesProps {
  stages: readonly Stage[];
  current: string | null;
}

interface IBarProps extends IStagesProps, React.AriaAttributes {
  label: string;
  /** How far the operation is, 0 to 1; what is drawn where it has no stages. */
  fraction: number | null;
  /** Whether it goes on. */
  open: boolean;
}

/** The bar is the plan: one segment for each stage, as wide as its weight, the present one outlined. */
export function StageBar(props: IBarProps): React.JSX.Element {
  const { stages, current, label, fraction, open, ...aria } = props;
  return (
    <div
      className={`pk-bar${stages.length > MANY ? ' pk-many' : ''}`}
      role="progressbar"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={fraction === null ? undefined : Math.floor(100 * fraction + 1e-9)}
      {...aria}
    >
      {stages.length === 0 && <Segment fill={fraction ?? 0} endless={open && fraction === null} />}
      {stages.map(stage => (
        <Segment
          key={stage.name}
          fill={filled(stage)}
          endless={isOpenEnded(stage)}
          now={stage.name === current}
          weight={stage.weight}
          title={stage.name}
        />
      ))}
    </div>
  );
}

interface ISegmentProps {
  fill: number;
  /** It goes on towards an end that nobody knows. */
  endless?: boolean;
  now?: boolean;
  weight?: number;
  title?: string;
}

function Segment({ fill, endless, now, weight = 1, title }: ISegmentProps): React.JSX.Element {
  return (
    <span
      className={`pk-segment${now === true ? ' pk-now' : ''}${endless === true ? ' pk-endless' : ''}`}
      style={{ flexGrow: weight }}
      title={title}
    >
      <i style={{ width: `${100 * fill}%` }} />
    </span>
  );
}

/** The stages' names under their segments; a name that does not fit is left out. */
export function StageNames({ stages, current }: IStagesProps): React.JSX.Element | null {
  if (stages.length < 2 || stages.length > MANY) {
    return null;
  }
  return (
    <div className="pk-names" aria-hidden="true">
      {stages.map(stage => (
        <span
          key={stage.name}
          className={stage.name === current ? 'pk-now' : undefined}
          style={{ flexGrow: stage.weight }}
        >
          {/* A name that is too long moves as a whole to a second line, which is cut off. */}
          <span>&#8203;</span>
          <b dir="auto">{stage.name}</b>
        </span>
      ))}
    </div>
  );
}
