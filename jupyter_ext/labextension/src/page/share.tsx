/** The page behind a share link. */
import * as React from 'react';
import { createRoot } from 'react-dom/client';

import { Speaker } from '../components/speaker';
import { english } from '../components/words';
import { takeToken } from './link';
import { SharedHub } from './server';
import { Notice, SharedOperations } from './shared-operations';
import { Watcher } from './watcher';

/** Draw the page into `element`. */
export function start(element: HTMLElement): void {
  const token = takeToken();
  // Another link that is put into the address bar changes the fragment only.
  window.addEventListener('hashchange', () => window.location.reload());
  createRoot(element).render(
    <>
      <header className="pk-header">
        <h1 className="pk-title">{english.__('Progress')}</h1>
        <span className="pk-quiet">{english.__('shared with you, to watch')}</span>
      </header>
      {token === null ? (
        <Notice>
          {english.__('This link is not complete. Ask for it again, and open all of it.')}
        </Notice>
      ) : (
        <Shared token={token} />
      )}
    </>
  );
}

function Shared({ token }: { token: string }): React.JSX.Element {
  const [{ model, memory, connection }] = React.useState(
    () => new Watcher(new SharedHub(window.location.href, token), 'share')
  );
  const onVoid = React.useCallback(() => connection.dispose(), [connection]);
  return (
    <>
      <SharedOperations model={model} memory={memory} onVoid={onVoid} words={english} />
      <Speaker model={model} words={english} />
    </>
  );
}
