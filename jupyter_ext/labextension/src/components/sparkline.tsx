import * as React from 'react';

const WIDTH = 56;
const HEIGHT = 12;
/** Room for the line's own width. */
const EDGE = 1;

/** The course of a value, without axes; what it is now stands beside it in digits. */
export function Sparkline({ values }: { values: readonly number[] }): React.JSX.Element | null {
  const points = sparkPoints(values);
  return points === null ? null : (
    <svg className="pk-spark" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} aria-hidden="true">
      <polyline points={points} />
    </svg>
  );
}

/** The line through the values, from edge to edge; null where there is no course to draw yet. */
export function sparkPoints(values: readonly number[]): string | null {
  const finite = values.filter(Number.isFinite);
  if (finite.length < 2) {
    return null;
  }
  const low = Math.min(...finite);
  const span = Math.max(...finite) - low;
  const place = (value: number, index: number): string => {
    const x = EDGE + ((WIDTH - 2 * EDGE) * index) / (finite.length - 1);
    const share = span > 0 ? (value - low) / span : 0.5;
    return `${x.toFixed(1)},${(HEIGHT - EDGE - (HEIGHT - 2 * EDGE) * share).toFixed(1)}`;
  };
  return finite.map(place).join(' ');
}
