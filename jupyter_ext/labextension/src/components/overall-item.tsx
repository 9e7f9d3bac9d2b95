import * as React from 'react';

import type { IOverall } from '../model';
import { percent, roughly } from './format';
import { english, type IWords } from './words';

export interface IOverallItemProps {
  readonly overall: IOverall;
  /** Whether the numbers are old because the server cannot be reached. */
  readonly offline: boolean;
  readonly onClick: () => void;
  readonly words?: IWords;
}

/** The overall progress in one line of the status bar: `3 running · 40 s`. */
export function OverallItem(props: IOverallItemProps): React.JSX.Element | null {
  const { overall, offline, onClick, words = english } = props;
  const { running, fraction, left_s } = overall;
  if (running === 0) {
    return null;
  }
  const text = [
    words.__('%1 running', running),
    offline ? words.__('offline') : left_s === null ? '' : roughly(left_s)
  ];
  const said = [
    text[0],
    fraction === null ? '' : percent(fraction),
    offline ? text[1] : left_s === null ? '' : words.__('about %1 left', roughly(left_s))
  ];
  const title = words.__('Progress: %1', said.filter(Boolean).join(', '));
  return (
    <button
      type="button"
      className={`pk-overall${offline ? ' pk-overall-offline' : ''}`}
      aria-label={title}
      title={title}
      onClick={onClick}
    >
      {fraction !== null && (
        <span className="pk-overall-bar">
          <i style={{ width: `${100 * fraction}%` }} />
        </span>
      )}
      {text.filter(Boolean).join(' · ')}
    </button>
  );
}
