import * as React from 'react';

import type { Stage } from '../protocol';
import { filled } from './view';

/** Beyond this many stages the gaps between segments take more room than they tell. */
const MANY = 16;

interface IStagesProps {
  stages: readonly Stage[];
  current: string | null;
}

/** The bar is the plan: one segment for each stage, as wide as its weight, the present one outlined. */
export function StageBar(
  props: IStagesProps & React.AriaAttributes & { label: string }
): React.JSX.Element {
  const { stages, current, label, ...aria } = props;
  return (
    <div
      className={`pk-bar${stages.length > MANY ? ' pk-many' : ''}`}
      role="progressbar"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      {...aria}
    >
      {stages.map(stage => (
        <span
          key={stage.name}
          className={`pk-segment${stage.name === current ? ' pk-now' : ''}`}
          style={{ flexGrow: stage.weight }}
          title={stage.name}
        >
          <i style={{ width: `${100 * filled(stage)}%` }} />
        </span>
      ))}
    </div>
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
          <b>{stage.name}</b>
        </span>
      ))}
    </div>
  );
}
