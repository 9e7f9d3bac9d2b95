/** Why a line is down. The words for it are the components' business. */
export type LineReason =
  'network' | 'missing' | 'forbidden' | 'version' | 'malformed' | 'replaced' | 'busy';

/** The connection to the hub as a viewer should know it. */
export interface ILine {
  /** `refused` is an offline line that is not tried again. */
  readonly state: 'connecting' | 'live' | 'offline' | 'refused';
  /** Since when it is not live, in milliseconds of this machine's clock; null while live. */
  readonly downSince: number | null;
  readonly reason: LineReason | null;
}

/** Since when a viewer should be told that it sees an old state, in milliseconds; null while the line is up or only blinks. */
export function offlineSince(line: ILine): number | null {
  return line.state === 'offline' || line.state === 'refused' ? line.downSince : null;
}
