import * as React from 'react';

import type { IOverall } from '../model';
import { percent } from './format';
import { Icon } from './icons';
import { english, type IWords } from './words';

/** How many ends the user has not seen yet, by how they ended. */
export interface IUnread {
  readonly failed: number;
  readonly others: number;
}

export interface INotificationBadgeProps {
  readonly overall: IOverall;
  readonly unread: IUnread;
  /** Whether the list of completions is open. */
  readonly open: boolean;
  readonly onToggle: () => void;
  readonly words?: IWords;
}

/** How far everything is, how many run, how many ended since the user last looked. A click opens the list of ends. */
export const NotificationBadge = React.forwardRef<HTMLButtonElement, INotificationBadgeProps>(
  function NotificationBadge(props, ref) {
    const { overall, unread, open, onToggle, words = english } = props;
    const { running, fraction } = overall;
    const quiet = running + unread.failed + unread.others === 0;
    const label = labelOf(overall, unread, words);
    return (
      <button
        ref={ref}
        type="button"
        className={`pk-badge${quiet ? ' pk-badge-quiet' : ''}`}
        aria-haspopup="dialog"
        aria-expanded={open}
        aria-label={label}
        title={label}
        onClick={onToggle}
      >
        {quiet && <Bars />}
        {fraction !== null && <span className="pk-badge-percent">{percent(fraction)}</span>}
        {running > 0 && <span className="pk-chip pk-chip-running">{running}</span>}
        {unread.others > 0 && (
          <span className="pk-chip pk-chip-ended">
            <Icon shape="succeeded" />
            {most(unread.others)}
          </span>
        )}
        {unread.failed > 0 && (
          <span className="pk-chip pk-chip-failed">
            <Icon shape="failed" />
            {most(unread.failed)}
          </span>
        )}
      </button>
    );
  }
);

/** `Progress: 3 running, 62 %; not seen yet: 1 failed, 2 ended`. */
function labelOf({ running, fraction }: IOverall, unread: IUnread, words: IWords): string {
  const now = [
    running > 0 ? words.__('%1 running', running) : words.__('nothing runs'),
    fraction === null ? '' : percent(fraction)
  ];
  const ended = [
    unread.failed > 0 ? words.__('%1 failed', unread.failed) : '',
    unread.others > 0 ? words.__('%1 ended', unread.others) : ''
  ];
  const list = (parts: string[]): string => parts.filter(part => part !== '').join(', ');
  const said = words.__('Progress: %1', list(now));
  return list(ended) === '' ? said : words.__('%1; not seen yet: %2', said, list(ended));
}

/** There is no room for more than two digits, and nobody counts that far. */
function most(count: number): string {
  return count > 99 ? '99+' : String(count);
}

/** Three bars of different length: the icon of the panel, for when there is nothing to say. */
function Bars(): React.JSX.Element {
  return (
    <svg className="pk-icon" viewBox="0 0 16 16" aria-hidden="true">
      <path d="M3 4.2h10M3 8h6M3 11.8h3" />
    </svg>
  );
}
