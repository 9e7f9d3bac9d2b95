import * as React from 'react';

const tickers = new Set<() => void>();
let waiting: (() => void)[] = [];
let timer: number | undefined;

/** So many are rendered at once; more take turns, each still once in a second. */
const AT_ONCE = 4;

/** One timer for all that counts on by itself, so that a few are rendered together and many do not hold up a frame. */
function onSecond(tick: () => void): () => void {
  tickers.add(tick);
  timer ??= window.setTimeout(turn, 1000);
  return () => {
    tickers.delete(tick);
    if (tickers.size === 0) {
      window.clearTimeout(timer);
      timer = undefined;
    }
  };
}

function turn(): void {
  if (waiting.length === 0) {
    waiting = [...tickers];
  }
  const turns = Math.ceil(tickers.size / AT_ONCE);
  timer = window.setTimeout(turn, 1000 / turns);
  for (const each of waiting.splice(0, AT_ONCE)) {
    if (tickers.has(each)) {
      each();
    }
  }
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
