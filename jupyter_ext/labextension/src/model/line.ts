/** Why a line is not live. The words for it are the components' business; `blocked`: the server answers, its WebSocket does not. */
export type LineReason =
  'network' | 'blocked' | 'missing' | 'forbidden' | 'version' | 'malformed' | 'replaced' | 'busy';

/** The connection to the hub as a viewer should know it. */
export interface ILine {
  /** `polling`: the hub is asked every `POLL_S` seconds; `refused` is an offline line that is not tried again. */
  readonly state: 'connecting' | 'live' | 'polling' | 'offline' | 'refused';
  /** Since when the hub has not been heard, in milliseconds of this machine's clock; null while live or polling. */
  readonly downSince: number | null;
  readonly reason: LineReason | null;
}

/** How often the hub is asked while its WebSocket is out of reach, in seconds. */
export const POLL_S = 2;

/** Since when a viewer should be told that it sees an old state, in milliseconds; null while the line is up or only blinks. */
export function offlineSince(line: ILine): number | null {
  return line.state === 'offline' || line.state === 'refused' ? line.downSince : null;
}
