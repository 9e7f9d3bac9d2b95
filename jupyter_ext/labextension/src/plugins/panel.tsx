import {
  ILayoutRestorer,
  type JupyterFrontEnd,
  type JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { URLExt } from '@jupyterlab/coreutils';
import { INotebookTracker } from '@jupyterlab/notebook';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { LabIcon, ReactWidget } from '@jupyterlab/ui-components';
import type { Message } from '@lumino/messaging';
import { Widget } from '@lumino/widgets';
import * as React from 'react';

import { Sharing } from '../client';
import { type IOperationPanelProps, OperationPanel, Speaker, StoreNotice } from '../components';
import type { Health, StoreHealth } from '../protocol';
import { IProgressHub } from '../tokens';
import { CommandIDs } from './command-ids';
import { Dismissed } from './dismissed';
import { IHandling } from './handling';
import { Jumper, PANEL_ID } from './jump';

/** Three bars of different length, as in the panel. */
const progressIcon = new LabIcon({
  name: 'progress-kit:progress',
  svgstr: `<svg xmlns="http://www.w3.org/2000/svg" width="16" height="16" viewBox="0 0 16 16">
  <g class="jp-icon3" fill="#616161"><rect x="2" y="3" width="12" height="2.4" rx="1.2"/>
  <rect x="2" y="6.8" width="8" height="2.4" rx="1.2"/><rect x="2" y="10.6" width="5" height="2.4" rx="1.2"/></g></svg>`
});

/** A panel at the right that lists the operations of all notebooks and scripts. */
export const panelPlugin: JupyterFrontEndPlugin<void> = {
  id: 'progress-kit:panel',
  description: 'Lists the live and recent operations of all notebooks and scripts in a side panel.',
  autoStart: true,
  requires: [IProgressHub, IHandling],
  optional: [INotebookTracker, ILayoutRestorer, ITranslator],
  activate: (
    app: JupyterFrontEnd,
    hub: IProgressHub,
    handling: IHandling,
    notebooks: INotebookTracker | null,
    restorer: ILayoutRestorer | null,
    translator: ITranslator | null
  ): void => {
    const words = (translator ?? nullTranslator).load('progress-kit');
    const jumper = new Jumper(app, notebooks);
    const { commands } = app;
    const panel = new ProgressPanel(
      {
        model: hub.model,
        memory: handling.memory,
        requests: handling.requests,
        dismissed: new Dismissed(),
        actions: {
          ...handling.actions,
          goTo: ({ origin }) => void jumper.to(origin),
          sharing: new Sharing(
            (path, init) => hub.request(path, init),
            URLExt.join(app.serviceManager.serverSettings.baseUrl, 'progress-kit', 'share')
          )
        },
        prior: kind => hub.prior(kind),
        words
      },
      async () => {
        const response = await hub.request('health');
        return response.ok ? ((await response.json()) as Health).store : null;
      },
      () =>
        commands.hasCommand(CommandIDs.openHistory)
          ? () => void commands.execute(CommandIDs.openHistory)
          : undefined
    );
    panel.title.caption = words.__('Progress of running operations');
    restorer?.add(panel, PANEL_ID);
    app.shell.add(panel, 'right', { rank: 600, type: 'Progress' });
    // What is heard does not depend on whether the panel is open.
    Widget.attach(ReactWidget.create(<Speaker model={hub.model} words={words} />), document.body);
  }
};

type PanelProps = Omit<IOperationPanelProps, 'isVisible' | 'onHistory'>;

class ProgressPanel extends ReactWidget {
  /**
   * @param store - asks the server how its history is.
   * @param history - what opens the history, once there is one.
   */
  constructor(
    private readonly _props: PanelProps,
    private readonly _store: () => Promise<StoreHealth | null>,
    private readonly _history: () => (() => void) | undefined
  ) {
    super();
    this.id = PANEL_ID;
    this.addClass('pk-panel-widget');
    this.title.icon = progressIcon;
  }

  protected override onAfterShow(msg: Message): void {
    super.onAfterShow(msg);
    // What changed while it was hidden was not drawn.
    this.update();
  }

  protected override render(): React.JSX.Element {
    return (
      <>
        <OperationPanel {...this._props} isVisible={this._isShown} onHistory={this._history()} />
        <StoreNotice
          model={this._props.model}
          ask={this._store}
          isVisible={this._isShown}
          words={this._props.words}
        />
      </>
    );
  }

  private readonly _isShown = (): boolean => this.isVisible;
}
