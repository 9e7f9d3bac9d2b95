import type { LineReason } from '../model';

/** The server answered, but not with what was asked for; `reason` says why, in the line's terms. */
export class Refused extends Error {
  constructor(
    message: string,
    readonly reason: LineReason
  ) {
    super(message);
  }
}

/** Why a request failed; without an answer it is the network. */
export function reasonOf(error: unknown): LineReason {
  return error instanceof Refused ? error.reason : 'network';
}
