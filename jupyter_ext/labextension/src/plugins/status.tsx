import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { IStatusBar } from '@jupyterlab/statusbar';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { ReactWidget, UseSignal } from '@jupyterlab/ui-components';
import { Signal } from '@lumino/signaling';
import * as React from 'react';

import { OverallItem } from '../components';
import { IProgressHub } from '../tokens';
import { CommandIDs } from './command-ids';
import { overallWatch } from './overall';
import { IProgressSettings } from './settings';

/** Shows the overall progress in the status bar, where there is one. */
export const statusPlugin: JupyterFrontEndPlugin<void> = {
  id: 'progress-kit:status',
  description: 'Shows the overall progress and the time left in the status bar.',
  autoStart: true,
  requires: [IProgressHub, IProgressSettings],
  optional: [IStatusBar, ITranslator],
  activate: (
    app: JupyterFrontEnd,
    hub: IProgressHub,
    settings: IProgressSettings,
    statusBar: IStatusBar | null,
    translator: ITranslator | null
  ): void => {
    if (statusBar === null) {
      return;
    }
    const words = (translator ?? nullTranslator).load('progress-kit');
    const overall = overallWatch(hub);
    const item = ReactWidget.create(
      <UseSignal signal={overall.changed}>
        {() => (
          <OverallItem
            overall={overall.value}
            offline={overall.offline}
            onClick={() => void app.commands.execute(CommandIDs.showPanel)}
            words={words}
          />
        )}
      </UseSignal>
    );
    item.addClass('pk-status');
    const isActive = (): boolean => settings.statusBar && overall.value.running > 0;
    const activeStateChanged = new Signal<object, void>({});
    let active = isActive();
    const look = (): void => {
      if (isActive() !== active) {
        active = !active;
        activeStateChanged.emit();
      }
    };
    overall.changed.connect(look);
    settings.changed.connect(look);
    statusBar.registerStatusItem('progress-kit:overall', {
      item,
      align: 'left',
      rank: 90,
      isActive,
      activeStateChanged
    });
  }
};
