import * as React from 'react';

const tickers = new Set<() => void>();
let timer: number | undefined;

/** One timer for all, so that everything that counts on by itself is rendered at once. */
function onSecond(tick: () => void): () => void {
  tickers.add(tick);
  timer ??= window.setInterval(() => {
    for (const each of tickers) {
      each();
    }
  }, 1000);
  return () => {
    tickers.delete(tick);
    if (tickers.size === 0) {
      window.clearInterval(timer);
      timer = undefined;
    }
  };
}

/** Render again each second while `active`, so that what is counted on between two messages moves. */
export function useTick(active: boolean): void {
  const [, tick] = React.useReducer((n: number) => n + 1, 0);
  React.useEffect(() => (active ? onSecond(tick) : undefined), [active]);
}

/** The largest value given for `key` so far, unless the value falls by more than `slack`: a count that does not tremble. */
export function useSteady(key: string, value: number | null, slack: number): number | null {
  const held = React.useRef<{ key: string; value: number | null }>({ key, value });
  const { current } = held;
  if (
    current.key !== key ||
    current.value === null ||
    value === null ||
    value > current.value ||
    current.value - value > slack
  ) {
    held.current = { key, value };
  }
  return held.current.value;
}
