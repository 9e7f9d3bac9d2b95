/** The page of its own: the operations of a server, for phones and for places without JupyterLab. */
import * as React from 'react';
import { createRoot } from 'react-dom/client';

import { Sharing } from '../client/sharing';
import { english } from '../components/words';
import { OperationPanel } from '../components/operation-panel';
import type { IActions } from '../components/parts';
import { Speaker } from '../components/speaker';
import { StoreNotice } from '../components/store-notice';
import { Dismissed } from '../plugins/dismissed';
import type { Health, StoreHealth } from '../protocol';
import { PageHub } from './server';
import { Watcher } from './watcher';

const always = (): boolean => true;

/** Draw the page into `element`. */
export function start(element: HTMLElement): void {
  // Jupyter's login by `?token=` has done its work, and a token is not to stay in an address.
  window.history.replaceState(null, '', window.location.pathname);
  const server = new PageHub(window.location.href);
  const { model, memory, requests, connection, prior } = new Watcher(server, 'page');
  const actions: IActions = {
    ask: ({ id }, action) => void requests.ask(id, action, connection.command(id, action)),
    interrupt: ({ id, origin }) => {
      if (origin.kernel_id !== null) {
        void requests.ask(id, 'interrupt', server.interrupt(origin.kernel_id));
      }
    },
    sharing: new Sharing(
      (path, init) => server.request(path, init),
      new URL('share', server.base).href
    )
  };
  const store = async (): Promise<StoreHealth | null> => {
    const response = await server.request('health');
    return response.ok ? ((await response.json()) as Health).store : null;
  };
  createRoot(element).render(
    <>
      <OperationPanel
        model={model}
        memory={memory}
        requests={requests}
        dismissed={new Dismissed()}
        actions={actions}
        prior={prior}
        isVisible={always}
        words={english}
      />
      <StoreNotice model={model} ask={store} isVisible={always} words={english} />
      <Speaker model={model} words={english} />
    </>
  );
}
