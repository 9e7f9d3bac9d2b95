import type { Snapshot } from '../protocol';

/** Whose ends are announced: none, the failed ones, those that took long, all. */
export type When = 'never' | 'failure' | 'longer' | 'always';

/** What the user wants to be told of; `after_s` belongs to `longer`. */
export interface IPolicy {
  readonly when: When;
  readonly after_s: number;
}

type Ended = Pick<Snapshot, 'state' | 'elapsed_s' | 'notify'>;

/**
 * Whether the end of an operation is announced. What the operation asks for counts more than what the user set for
 * all; an operation whose duration nobody knows counts as long.
 */
export function isAnnounced({ state, elapsed_s, notify }: Ended, settings: IPolicy): boolean {
  const own = notify.when === 'default' ? null : notify;
  switch (own?.when ?? settings.when) {
    case 'never':
      return false;
    case 'failure':
      return state === 'failed';
    case 'longer':
      return (elapsed_s ?? Infinity) >= (own?.after_s ?? settings.after_s);
    default:
      return true;
  }
}
