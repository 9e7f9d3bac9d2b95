import { type IRun, type IUsual, ratioOf } from './history';

const HEADER = [
  'id',
  'name',
  'kind',
  'where',
  'started_at',
  'duration_s',
  'times_usual',
  'outcome',
  'ended_early',
  'error'
];

/** Runs as CSV (RFC 4180, UTF-8, times in UTC): a header, then a line for each. */
export function csvOf(runs: Iterable<IRun>, usual: ReadonlyMap<string, IUsual>): string {
  const lines = [HEADER.join(',')];
  for (const run of runs) {
    const ratio = ratioOf(run, usual);
    lines.push(
      [
        text(run.id),
        text(run.name),
        text(run.kind ?? ''),
        text(run.where),
        run.startedAt === null ? '' : new Date(run.startedAt * 1000).toISOString(),
        run.duration_s === null ? '' : String(Number(run.duration_s.toFixed(3))),
        ratio === null ? '' : String(Number(ratio.toFixed(3))),
        run.outcome,
        String(run.endedEarly),
        text(run.error)
      ].join(',')
    );
  }
  return lines.join('\r\n') + '\r\n';
}

/**
 * A name or a message is never a formula: a spreadsheet takes what begins like one for text after an apostrophe. Some
 * take full-width signs too, and where the comma is the decimal point they split cells at semicolons.
 */
function text(value: string): string {
  const safe = value.replace(
    /(?<=^|[;\t\r\n])(?=["\s]*[=+\-@\uff1d\uff0b\uff0d\uff20])|^(?=[\t\r\n])/g,
    "'"
  );
  return /[",\r\n]/.test(safe) ? `"${safe.replace(/"/g, '""')}"` : safe;
}
