/** The 10th, 50th and 90th percentile. */
export type Quantiles = readonly [p10: number, p50: number, p90: number];

/**
 * The value below which a share `q` (0 to 1) of `sorted` lies, between two neighbours in proportion.
 * `sorted` is in ascending order; NaN when it is empty.
 */
export function quantile(sorted: readonly number[], q: number): number {
  const place = (sorted.length - 1) * q;
  const below = sorted[Math.floor(place)] ?? NaN;
  const above = sorted[Math.ceil(place)] ?? NaN;
  return below + (above - below) * (place - Math.floor(place));
}

/** The quantiles of some values in any order; null when there are none. */
export function quantiles(values: readonly number[]): Quantiles | null {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted.length === 0
    ? null
    : [quantile(sorted, 0.1), quantile(sorted, 0.5), quantile(sorted, 0.9)];
}

/** Where an axis from 0 to `end` seconds has its marks: at most `most` + 1 of them, as far apart as a person counts. */
export function ticks(end: number, most: number): number[] {
  if (!(end > 0) || !Number.isFinite(end)) {
    return [0];
  }
  const step = timeStep(end / most);
  return Array.from({ length: Math.floor(end / step + 1e-9) + 1 }, (_, place) => place * step);
}

const DAY_S = 86_400;
const STEPS_S = [
  ...[1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200],
  DAY_S
];

/** The shortest step in seconds that is no shorter than `least` and reads well on an axis. */
export function timeStep(least: number): number {
  if (least > DAY_S) {
    return DAY_S * decimalStep(least / DAY_S);
  }
  return least <= 1 ? decimalStep(least) : (STEPS_S.find(step => step >= least) ?? DAY_S);
}

/** 1, 2 or 5 times a power of ten. */
function decimalStep(least: number): number {
  const power = 10 ** Math.floor(Math.log10(least));
  return power * ([1, 2, 5].find(step => step * power >= least * (1 - 1e-9)) ?? 10);
}

/** All steps that read well on an axis of time, in seconds: from a hundredth to a year and more. */
export function timeSteps(): number[] {
  const small = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5];
  return [...small, ...STEPS_S, ...[2, 5, 10, 20, 50, 100, 200, 500].map(days => days * DAY_S)];
}
