import * as React from 'react';

import type { Outcome } from '../../model';
import type { IColors } from './plot';

/** The colour of a run's mark; its shape alone tells the outcome too. */
export function markColor(outcome: Outcome, colors: IColors): string {
  return outcome === 'succeeded' ? colors.fill : outcome === 'failed' ? colors.bad : colors.quiet;
}

/** Draw a run's mark: a disc, a cross for a failed one, a hollow square for a cancelled one, else a triangle. */
export function drawMark(
  context: CanvasRenderingContext2D,
  outcome: Outcome,
  x: number,
  y: number,
  size: number
): void {
  context.beginPath();
  switch (outcome) {
    case 'succeeded':
      context.arc(x, y, size, 0, 2 * Math.PI);
      context.fill();
      return;
    case 'failed':
      context.moveTo(x - size, y - size);
      context.lineTo(x + size, y + size);
      context.moveTo(x + size, y - size);
      context.lineTo(x - size, y + size);
      break;
    case 'cancelled':
      context.rect(x - size, y - size, 2 * size, 2 * size);
      break;
    default:
      context.moveTo(x, y - size);
      context.lineTo(x + size, y + size);
      context.lineTo(x - size, y + size);
      context.closePath();
  }
  context.stroke();
}

const SHAPES: Record<Outcome | 'slow' | 'running', string> = {
  succeeded: 'M12 8a4 4 0 1 1-8 0a4 4 0 1 1 8 0z',
  failed: 'M4 4l8 8M12 4l-8 8',
  cancelled: 'M4 4h8v8h-8z',
  running: 'M12 8a4 4 0 1 1-8 0a4 4 0 1 1 8 0z',
  slow: 'M14 8a6 6 0 1 1-12 0a6 6 0 1 1 12 0z',
  lost: 'M8 4l4 8h-8z',
  unknown: 'M8 4l4 8h-8z'
};

/** The same marks for the legend. */
export function Mark({ outcome }: { outcome: Outcome | 'slow' | 'running' }): React.JSX.Element {
  return (
    <svg className={`pk-mark pk-mark-${outcome}`} viewBox="0 0 16 16" aria-hidden="true">
      <path d={SHAPES[outcome]} />
    </svg>
  );
}
