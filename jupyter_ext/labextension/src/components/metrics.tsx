import * as React from 'react';

import { count } from './format';
import type { IPartProps } from './parts';
import { Sparkline } from './sparkline';
import { metricsOf } from './texts';

/** More than these have no room beside the other numbers; the details show all. */
const MOST = 3;

/** The metrics beside the other numbers: as many as have room, and how many were left out. */
export function Metrics({ snapshot, trend }: IPartProps): React.JSX.Element | null {
  const metrics = metricsOf(snapshot);
  if (metrics.length === 0) {
    return null;
  }
  const shown = metrics.slice(0, MOST);
  return (
    <span className="pk-metrics" title={metrics.map(pair => pair.join(' ')).join('\n')}>
      {shown.map(([name, value]) => (
        <span key={name} className="pk-metric">
          <bdi>{name}</bdi> {value} <Sparkline values={trend(name)} />
        </span>
      ))}
      {metrics.length > shown.length && <span>+{count(metrics.length - shown.length)}</span>}
    </span>
  );
}
