import {
  ILayoutRestorer,
  type JupyterFrontEnd,
  type JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { LabIcon, ReactWidget, UseSignal } from '@jupyterlab/ui-components';
import type { Message } from '@lumino/messaging';
import * as React from 'react';

import { type IWords, LineFoot, OperationList } from '../components';
import { offlineSince } from '../model';
import { IProgressHub } from '../tokens';

const PANEL_ID = 'progress-kit-panel';

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
  requires: [IProgressHub],
  optional: [ILayoutRestorer, ITranslator],
  activate: (
    app: JupyterFrontEnd,
    hub: IProgressHub,
    restorer: ILayoutRestorer | null,
    translator: ITranslator | null
  ): void => {
    const words = (translator ?? nullTranslator).load('progress-kit');
    const panel = new ProgressPanel(hub, words);
    restorer?.add(panel, PANEL_ID);
    app.shell.add(panel, 'right', { rank: 600, type: 'Progress' });
  }
};

class ProgressPanel extends ReactWidget {
  constructor(
    private readonly _hub: IProgressHub,
    private readonly _words: IWords
  ) {
    super();
    this.id = PANEL_ID;
    this.addClass('pk-panel-widget');
    this.title.icon = progressIcon;
    this.title.caption = _words.__('Progress of running operations');
  }

  protected override onAfterShow(msg: Message): void {
    super.onAfterShow(msg);
    this.update();
  }

  protected override render(): React.JSX.Element {
    const { model } = this._hub;
    // A hidden panel costs nothing: it renders when it is shown.
    return (
      <UseSignal signal={model.changed} shouldUpdate={() => this.isVisible}>
        {() => (
          <>
            <header className="pk-header">{this._words.__('Progress')}</header>
            <div className="pk-list">
              <OperationList
                operations={model.list()}
                clock={model.clock}
                offlineSince={offlineSince(model.line)}
                onCancel={id => this._hub.command(id, 'cancel')}
                words={this._words}
              />
            </div>
            <LineFoot line={model.line} words={this._words} />
          </>
        )}
      </UseSignal>
    );
  }
}
