/** Numbers, durations and times as a person reads them. Everything here is pure; `null` in is unknown. */

const BYTES = /^(b|bytes?)$/i;
const MANY_BYTES = /^([KMGTPE])(i?)B$/;
const SI = ['', 'k', 'M', 'G', 'T', 'P', 'E'];

const grouped = new Intl.NumberFormat('en', { maximumFractionDigits: 2 });

/** `1,836`, `0.25`. */
export function count(value: number): string {
  return grouped.format(value);
}

/** `62 %`; a share that is not whole never reads 100. */
export function percent(fraction: number): string {
  return `${fraction < 1 ? Math.min(99, Math.floor(fraction * 100 + 1e-9)) : 100} %`;
}

/** `698 / 1,836 files`, `1.9 / 4.3 GB`, `698 files` where the total is unknown. */
export function progress(done: number, total: number | null, unit: string): string {
  const bytes = bytesOf(unit);
  if (bytes !== null) {
    const { base } = bytes;
    const [some, all] = [done * bytes.each, (total ?? 0) * bytes.each];
    const step = siStep(Math.max(some, all), base);
    const text = si(some, step, base);
    return `${total === null ? text : `${text} / ${si(all, step, base)}`} ${byteUnit(step, base)}`;
  }
  const text = total === null ? count(done) : `${count(done)} / ${count(total)}`;
  return unit ? `${text} ${unit}` : text;
}

/** `74 files/s`, `11 MB/s`, `12 files/min` where less than one comes in a second. */
export function rate(perSecond: number, unit: string): string {
  const bytes = bytesOf(unit);
  if (bytes !== null) {
    const { base } = bytes;
    const speed = perSecond * bytes.each;
    const step = siStep(speed, base);
    return `${si(speed, step, base, 10)} ${byteUnit(step, base)}/s`;
  }
  const [value, per] =
    perSecond >= 1 || perSecond === 0
      ? [perSecond, 's']
      : perSecond * 60 >= 1
        ? [perSecond * 60, 'min']
        : [perSecond * 3600, 'h'];
  const text =
    value >= 10_000 ? `${si(value, siStep(value), 1000, 10)}${SI[siStep(value)]}` : short(value);
  return unit ? `${text} ${unit}/${per}` : `${text}/${per}`;
}

/** An exact duration: `3.2 s`, `43 s`, `1 min 04 s`, `2 h 05 min`, `3 d 4 h`. `tenths` below ten seconds on request. */
export function duration(seconds: number, tenths = false): string {
  if (tenths && seconds < 9.95) {
    return `${seconds.toFixed(1)} s`;
  }
  const whole = Math.floor(seconds + 1e-6);
  if (whole < 60) {
    return `${whole} s`;
  }
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) {
    return `${minutes} min ${two(whole % 60)} s`;
  }
  const hours = Math.floor(minutes / 60);
  return hours < 48
    ? `${hours} h ${two(minutes % 60)} min`
    : `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** A duration that is only estimated, no finer than it can be known: `40 s`, `1 min 40 s`, `12 min`, `2 h 30 min`. */
export function roughly(seconds: number): string {
  const [value, unit] = rough(seconds);
  return unit === 's' ? `${value} s` : spell(value);
}

/** `30–55 s`, `1–4 min`, `50 s–2 min`. */
export function range(low: number, high: number): string {
  const from = roughly(low);
  const to = roughly(high);
  if (from === to) {
    return from;
  }
  const [, unit, more] = /^\d+ (s|min|h)( .*)?$/.exec(from) ?? [];
  const sameUnit = more === undefined && new RegExp(`^\\d+ ${unit}$`).test(to);
  return sameUnit ? `${from.slice(0, -(unit ?? '').length - 1)}–${to}` : `${from}–${to}`;
}

/** A moment, given in wall-clock seconds: `14:32`, `Tue 14:32`, `24 Nov 14:32`. */
export function moment(at: number, now: number): string {
  const then = new Date(at * 1000);
  const today = new Date(now * 1000);
  const time = `${two(then.getHours())}:${two(then.getMinutes())}`;
  if (then.toDateString() === today.toDateString()) {
    return time;
  }
  if (Math.abs(at - now) < 6 * 86_400) {
    return `${then.toLocaleDateString('en', { weekday: 'short' })} ${time}`;
  }
  const month = then.toLocaleDateString('en', { month: 'short' });
  const year = then.getFullYear() === today.getFullYear() ? '' : ` ${then.getFullYear()}`;
  return `${then.getDate()} ${month}${year} ${time}`;
}

/** A measured value with four significant digits: `0.3127`, `12,345`, `1.2e-7`. */
export function metric(value: number): string {
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-4 || size >= 1e9)) {
    return value.toExponential(2).replace('e+', 'e');
  }
  return size >= 1000 ? count(Math.round(value)) : String(Number(value.toPrecision(4)));
}

/** Whether a unit counts bytes, be it by the thousand (`kB`, `MB`) or by 1,024 (`KiB`, `MiB`). */
export function isBytes(unit: string): boolean {
  return bytesOf(unit) !== null;
}

/** How many bytes one of a unit is, and what its prefixes are powers of; null where it counts something else. */
function bytesOf(unit: string): { each: number; base: number } | null {
  const [, prefix, binary] = MANY_BYTES.exec(unit.replace('k', 'K')) ?? [];
  if (prefix === undefined) {
    return BYTES.test(unit) ? { each: 1, base: 1000 } : null;
  }
  const base = binary ? 1024 : 1000;
  return { each: base ** 'KMGTPE'.indexOf(prefix) * base, base };
}

function byteUnit(step: number, base: number): string {
  const prefix = SI[step] ?? '';
  return base === 1000 || step === 0 ? `${prefix}B` : `${prefix.toUpperCase()}iB`;
}

function rough(seconds: number): [number, 's' | 'many'] {
  if (seconds < 10) {
    return [Math.max(1, Math.round(seconds)), 's'];
  }
  if (seconds < 57.5) {
    return [5 * Math.round(seconds / 5), 's'];
  }
  if (seconds < 295) {
    return [10 * Math.round(seconds / 10), 'many'];
  }
  if (seconds < 3_570) {
    return [60 * Math.round(seconds / 60), 'many'];
  }
  return [
    seconds < 36_000 ? 600 * Math.round(seconds / 600) : 3_600 * Math.round(seconds / 3_600),
    'many'
  ];
}

function spell(seconds: number): string {
  const hours = Math.floor(seconds / 3_600);
  if (hours >= 72) {
    return `${Math.round(hours / 24)} d`;
  }
  const minutes = Math.floor((seconds % 3_600) / 60);
  const rest = seconds % 60;
  if (hours > 0) {
    return minutes > 0 ? `${hours} h ${two(minutes)} min` : `${hours} h`;
  }
  return rest > 0 ? `${minutes} min ${two(rest)} s` : `${minutes} min`;
}

function siStep(value: number, base = 1000): number {
  let step = 0;
  while (step < SI.length - 1 && Number(si(value, step, base)) >= base) {
    step += 1;
  }
  return step;
}

/** A value in `base` to the power of `step`, with a decimal below `fine`. */
function si(value: number, step: number, base = 1000, fine = 100): string {
  const scaled = value / base ** step;
  return scaled.toFixed(step > 0 && scaled < fine ? 1 : 0);
}

function short(value: number): string {
  return value >= 100
    ? count(Math.round(value))
    : value >= 10
      ? value.toFixed(0)
      : value.toFixed(value === 0 ? 0 : 1);
}

function two(value: number): string {
  return String(value).padStart(2, '0');
}
