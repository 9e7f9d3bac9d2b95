import * as React from 'react';

import type { Look } from './view';

/** One shape for each outcome, so that colour is never the only difference. */
const SHAPES: Partial<Record<Look, string>> = {
  succeeded: 'M3 8.5l3.2 3.2L13 5',
  failed: 'M4 4l8 8M12 4l-8 8',
  cancelled: 'M8 2.5a5.5 5.5 0 1 0 0 11a5.5 5.5 0 1 0 0-11M4.2 11.8l7.6-7.6',
  paused: 'M5.5 3.5v9M10.5 3.5v9',
  stale: 'M8 2.5a5.5 5.5 0 1 0 0 11a5.5 5.5 0 1 0 0-11M8 5v3.2l2.2 1.6',
  lost: 'M3 5.5c3-3 7-3 10 0M5.2 8.2c1.6-1.6 4-1.6 5.6 0M8 11.5v.6M2.5 13.5l11-11',
  offline: 'M3 5.5c3-3 7-3 10 0M5.2 8.2c1.6-1.6 4-1.6 5.6 0M8 11.5v.6M2.5 13.5l11-11',
  unknown: 'M8 2.5a5.5 5.5 0 1 0 0 11a5.5 5.5 0 1 0 0-11M8 5v3.2l2.2 1.6'
};

export function LookIcon({ look }: { look: Look }): React.JSX.Element | null {
  const shape = SHAPES[look];
  return shape === undefined ? null : (
    <svg className="pk-icon" viewBox="0 0 16 16" aria-hidden="true">
      <path d={shape} />
    </svg>
  );
}

export function CloseIcon(): React.JSX.Element {
  return (
    <svg className="pk-icon" viewBox="0 0 16 16" aria-hidden="true">
      <path d="M4.5 4.5l7 7M11.5 4.5l-7 7" />
    </svg>
  );
}
