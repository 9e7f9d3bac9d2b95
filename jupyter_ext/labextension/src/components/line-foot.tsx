import * as React from 'react';

import type { ILine } from '../model';
import type { IWords } from './words';

/** The state of the line to the hub, in words. */
export function LineFoot({ line, words }: { line: ILine; words: IWords }): React.JSX.Element {
  return (
    <div className={`pk-line pk-line-${line.state}`} role="status">
      <span className="pk-dot" aria-hidden="true" />
      <span>{lineText(line, words)}</span>
    </div>
  );
}

function lineText({ state, reason }: ILine, words: IWords): string {
  if (state === 'live') {
    return words.__('live');
  }
  if (state === 'connecting') {
    return words.__('connecting…');
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
