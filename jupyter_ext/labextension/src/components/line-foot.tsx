import * as React from 'react';

import { type ILine, POLL_S } from '../model';
import { Button } from './button';
import { Icon } from './icons';
import type { IWords } from './words';

/** The state of the line to the hub, in words, and on request why it is not live and what that means. */
export function LineFoot({ line, words }: { line: ILine; words: IWords }): React.JSX.Element {
  const [asked, setAsked] = React.useState(false);
  const why = whyText(line, words);
  const open = asked && why !== null;
  return (
    <div className={`pk-line pk-line-${line.state}`}>
      <span className="pk-line-head">
        {line.state === 'live' || line.state === 'connecting' ? (
          <span className="pk-dot" aria-hidden="true" />
        ) : (
          <Icon shape={line.state === 'polling' ? 'stale' : 'offline'} />
        )}
        <span className="pk-line-text">{lineText(line, words)}</span>
        {why !== null && (
          <Button plain aria-expanded={open} onClick={() => setAsked(!open)}>
            {words.__('why?')}
          </Button>
        )}
      </span>
      {open && <p className="pk-line-why">{why}</p>}
    </div>
  );
}

/** The line in a few words: `live`, `polling every 2 s: the WebSocket is blocked`. */
export function lineText({ state, reason }: ILine, words: IWords): string {
  if (state === 'live') {
    return words.__('live');
  }
  if (state === 'connecting') {
    return words.__('connecting…');
  }
  if (state === 'polling') {
    return words.__('polling every %1 s: the WebSocket is blocked', POLL_S);
  }
  switch (reason) {
    case 'missing':
      return words.__('offline: this server does not have the extension progress_kit_jupyter');
    case 'forbidden':
      return words.__('offline: the server refuses access; log in again, then reload the page');
    case 'version':
      return words.__('offline: server and page have different versions; reload the page');
    case 'malformed':
      return words.__('offline: the server did not understand this page; reload it');
    case 'replaced':
      return words.__('offline: another page took this connection over; reload the page');
    case 'busy':
      return words.__('offline: the server is busy; trying again');
    default:
      return words.__('offline: the server cannot be reached; trying again');
  }
}

/** What lies behind it; null where the line itself says all. */
function whyText({ state, reason }: ILine, words: IWords): string | null {
  if (state === 'polling') {
    return words.__(
      'The server answers, but a WebSocket to it cannot be opened: a proxy or a firewall on the way may not let it ' +
        'through. Everything works, only with a delay of up to %1 s.',
      POLL_S
    );
  }
  if (state === 'offline' && (reason === 'network' || reason === 'blocked')) {
    return words.__(
      'The server does not answer: it may have been stopped, or this machine has no network. What runs goes on ' +
        'without this page; running operations are carried on from their last estimate, marked as estimated, ' +
        'until the server answers again.'
    );
  }
  return null;
}
