import * as React from 'react';

import type { InboxItem } from '../protocol';
import { agoOf, endOf, whereOf, whyOf } from './ends';
import { Icon, shapeOf } from './icons';
import { useTick } from './use-now';
import { LOST } from './view';
import { english, isolate, type IWords } from './words';

/** Whether the browser may show notifications; `unsupported` where it cannot. */
export type Permission = 'default' | 'granted' | 'denied' | 'unsupported';

export interface ICompletionsProps {
  /** The newest ends, the newest first. */
  readonly items: readonly InboxItem[];
  /** How many are unread, also those beyond `items`. */
  readonly unread: number;
  /** The hub's clock, in seconds. */
  readonly clock: { now(): number };
  readonly permission: Permission;
  /** Go to where it ran. */
  readonly onOpen: (item: InboxItem) => void;
  readonly onReadAll: () => void;
  /** Ask the browser for its permission. */
  readonly onAllow: () => void;
  /** Close the list; `escaped`: by the keyboard, so that the focus has to go back. */
  readonly onClose: (escaped: boolean) => void;
  readonly words?: IWords;
}

/** What ended lately, read and unread: a small dialog beside the page, not in front of it. */
export function Completions(props: ICompletionsProps): React.JSX.Element {
  const { items, unread, clock, onOpen, onReadAll, onClose, words = english } = props;
  const dialog = React.useRef<HTMLDivElement>(null);
  useTick(true);
  React.useEffect(() => dialog.current?.focus(), []);
  const now = clock.now();
  return (
    <div
      ref={dialog}
      className="pk-completions"
      role="dialog"
      aria-label={words.__('Recent completions')}
      tabIndex={-1}
      onKeyDown={event => {
        if (event.key === 'Escape') {
          event.stopPropagation();
          onClose(true);
        } else if (event.key === 'Tab') {
          keepWithin(event);
        }
      }}
    >
      <div className="pk-completions-head">
        <h2>{words.__('Recent completions')}</h2>
        {unread > 0 && (
          <button type="button" className="pk-button pk-plain" onClick={onReadAll}>
            {words.__('mark all read')}
          </button>
        )}
      </div>
      {items.length === 0 ? (
        <p className="pk-empty">
          {words.__('Nothing has ended yet. What ends is listed here until you have seen it.')}
        </p>
      ) : (
        <ul>
          {items.map(item => (
            <Completion key={item.id} item={item} now={now} onOpen={onOpen} words={words} />
          ))}
        </ul>
      )}
      <BrowserNotifications {...props} words={words} />
    </div>
  );
}

function Completion(props: {
  item: InboxItem;
  now: number;
  onOpen: (item: InboxItem) => void;
  words: IWords;
}): React.JSX.Element {
  const { item, now, onOpen, words } = props;
  const look = item.error?.type === LOST ? 'lost' : item.state;
  const why = whyOf(item);
  const said = endOf(item, words);
  return (
    <li className={`pk-completion pk-look-${look}${item.read ? '' : ' pk-unread'}`}>
      <Icon shape={shapeOf(look)} />
      <div className="pk-completion-text">
        <span className="pk-completion-name" title={said}>
          {!item.read && <span className="pk-for-ears">{words.__('not seen yet:')} </span>}
          {said}
        </span>
        {why !== '' && (
          <span className="pk-bad" title={why}>
            {why}
          </span>
        )}
        <span className="pk-completion-where">
          {[whereOf(item, words), agoOf(item.at, now, words)].join(' · ')}
        </span>
      </div>
      <button
        type="button"
        className="pk-button"
        aria-label={words.__('Open %1', isolate(item.name))}
        onClick={() => onOpen(item)}
      >
        {words.__('open')}
      </button>
    </li>
  );
}

/** What can be done about notifications of the browser. Asking for them needs a click of the user. */
function BrowserNotifications(
  props: Pick<ICompletionsProps, 'permission' | 'onAllow'> & { words: IWords }
): React.JSX.Element | null {
  const { permission, onAllow, words } = props;
  if (permission === 'default') {
    return (
      <div className="pk-completions-foot">
        <span>{words.__('Only told of in this page.')}</span>
        <button type="button" className="pk-button" onClick={onAllow}>
          {words.__('notify me in the browser too')}
        </button>
      </div>
    );
  }
  return (
    <div className="pk-completions-foot">
      {permission === 'granted'
        ? words.__('The browser notifies you while you are elsewhere.')
        : permission === 'denied'
          ? words.__('The browser blocks notifications of this site; its settings can allow them.')
          : words.__('The browser has no notifications here; they need https or localhost.')}
    </div>
  );
}

/** Tab goes round within the dialog: behind it the page goes on at its very beginning. */
function keepWithin(event: React.KeyboardEvent<HTMLElement>): void {
  const dialog = event.currentTarget;
  const buttons = dialog.querySelectorAll('button');
  const [first, last] = [buttons[0], buttons[buttons.length - 1]];
  const { activeElement } = document;
  const leaves = event.shiftKey
    ? activeElement === first || activeElement === dialog
    : activeElement === last || buttons.length === 0;
  if (leaves) {
    event.preventDefault();
    (event.shiftKey ? last : first)?.focus();
  }
}
