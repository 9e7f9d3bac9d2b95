import * as React from 'react';

import type { Look } from './view';

const CIRCLE = 'M8 2.5a5.5 5.5 0 1 0 0 11a5.5 5.5 0 1 0 0-11';
const CLOCK = `${CIRCLE}M8 5v3.2l2.2 1.6`;
const NO_SIGNAL = 'M3 5.5c3-3 7-3 10 0M5.2 8.2c1.6-1.6 4-1.6 5.6 0M8 11.5v.6M2.5 13.5l11-11';

/** One shape for each meaning, so that colour is never the only difference. */
const SHAPES = {
  succeeded: 'M3 8.5l3.2 3.2L13 5',
  failed: 'M4 4l8 8M12 4l-8 8',
  cancelled: `${CIRCLE}M4.2 11.8l7.6-7.6`,
  skipped: 'M4 4.5l4 3.5-4 3.5M8.5 4.5l4 3.5-4 3.5',
  abandoned: `${CIRCLE}M4.2 11.8l7.6-7.6`,
  paused: 'M5.5 3.5v9M10.5 3.5v9',
  pending: 'M3.6 8h.1M7.95 8h.1M12.3 8h.1',
  running: 'M5 3.2l7.5 4.8L5 12.8z',
  stale: CLOCK,
  unknown: CLOCK,
  lost: NO_SIGNAL,
  offline: NO_SIGNAL,
  simulated: NO_SIGNAL,
  other: `${CIRCLE}M6.3 6.4c.2-2.2 3.5-2 3.3 0c-.1 1.2-1.6 1.2-1.6 2.4M8 11v.1`,
  slower: 'M8 3v9.5M4 8.7l4 3.8 4-3.8',
  stalled: 'M4.5 3h7L8 8l3.5 5h-7L8 8z',
  close: 'M4.5 4.5l7 7M11.5 4.5l-7 7',
  right: 'M6 4l4 4-4 4',
  down: 'M4 6l4 4 4-4'
} as const;

export type Shape = keyof typeof SHAPES;

/** A shape of text size. What it means has to be said beside it, or by the label of its button. */
export function Icon({ shape }: { shape: Shape }): React.JSX.Element {
  return (
    <svg className="pk-icon" viewBox="0 0 16 16" aria-hidden="true">
      <path d={SHAPES[shape]} />
    </svg>
  );
}

/** The shape of a state of a stage or a task, which a newer hub may name as it likes. */
export function shapeOf(state: string): Shape {
  return state in SHAPES ? (state as Shape) : 'other';
}

/** The shape of a look; what runs has none, so that what is unlike the others stands out. */
export function LookIcon({ look }: { look: Look }): React.JSX.Element | null {
  return look === 'running' ? null : <Icon shape={shapeOf(look)} />;
}

export function CloseIcon(): React.JSX.Element {
  return <Icon shape="close" />;
}
