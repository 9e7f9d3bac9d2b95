import * as React from 'react';

import type { Prior } from '../protocol';

/**
 * What earlier runs of a kind took in the median, in seconds; null while nobody knows.
 *
 * @param kind - null asks for nothing.
 */
export function usePrior(
  kind: string | null,
  prior: (kind: string) => Promise<Prior | null>
): number | null {
  const [found, setFound] = React.useState<{ kind: string; usual_s: number | null } | null>(null);
  React.useEffect(() => {
    let wanted = kind !== null;
    if (kind !== null) {
      prior(kind).then(
        answer => {
          if (wanted) {
            const usual_s = usualOf(answer);
            setFound(old =>
              old?.kind === kind && old.usual_s === usual_s ? old : { kind, usual_s }
            );
          }
        },
        // Without an answer nothing is said of earlier runs; the next operation asks again.
        () => undefined
      );
    }
    return () => {
      wanted = false;
    };
  }, [kind, prior]);
  return found !== null && found.kind === kind ? found.usual_s : null;
}

/** One run is no habit; where the operation itself has ended, it may be that one. */
function usualOf(prior: Prior | null): number | null {
  return prior === null || prior.runs < 2 ? null : prior.total_s[1];
}
