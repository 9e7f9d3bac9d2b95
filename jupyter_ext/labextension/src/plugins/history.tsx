import {
  ILayoutRestorer,
  type JupyterFrontEnd,
  type JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { IThemeManager, MainAreaWidget, WidgetTracker } from '@jupyterlab/apputils';
import { INotebookTracker } from '@jupyterlab/notebook';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { TabPanel, type Widget } from '@lumino/widgets';

import { IProgressHub } from '../tokens';
import { CommandIDs } from './command-ids';
import type { HistoryTab } from './history-tab';
import { Jumper } from './jump';

const TAB_ID = 'progress-kit-history';

/** What the command takes: the kind or the run to show; each may be left out. */
interface IHistoryArgs {
  kind?: string | null;
  run?: string | null;
}

/** The history of the server's operations in a tab of the main area. Nothing of it is loaded before it is opened. */
export const historyPlugin: JupyterFrontEndPlugin<void> = {
  id: 'progress-kit:history',
  description:
    'Shows past runs in a tab of the main area: a table, plots of durations, and where the time went.',
  autoStart: true,
  requires: [IProgressHub],
  optional: [ILayoutRestorer, IThemeManager, INotebookTracker, ITranslator],
  activate: (
    app: JupyterFrontEnd,
    hub: IProgressHub,
    restorer: ILayoutRestorer | null,
    themes: IThemeManager | null,
    notebooks: INotebookTracker | null,
    translator: ITranslator | null
  ): void => {
    const words = (translator ?? nullTranslator).load('progress-kit');
    const jumper = new Jumper(app, notebooks);
    const tracker = new WidgetTracker<MainAreaWidget<HistoryTab>>({ namespace: TAB_ID });
    let opening: Promise<MainAreaWidget<HistoryTab>> | null = null;

    const open = async (): Promise<MainAreaWidget<HistoryTab>> => {
      const { HistoryTab } = await import('./history-tab');
      const content = new HistoryTab({
        hub,
        themes,
        words,
        onOpen: origin => void jumper.to(origin)
      });
      const tab = new MainAreaWidget({ content });
      tab.id = TAB_ID;
      tab.toolbar.hide();
      content.looked.connect(() => void tracker.save(tab));
      tab.disposed.connect(() => {
        opening = null;
      });
      await tracker.add(tab);
      return tab;
    };

    app.commands.addCommand(CommandIDs.openHistory, {
      label: words.__('Progress History'),
      caption: words.__('Past runs: what was usual, and where the time went'),
      describedBy: {
        args: {
          type: 'object',
          properties: {
            kind: {
              type: ['string', 'null'],
              description: words.__('The kind whose runs are compared')
            },
            run: { type: ['string', 'null'], description: words.__('The id of the run to show') }
          }
        }
      },
      execute: async args => {
        const { kind, run } = args as IHistoryArgs;
        opening ??= open();
        const tab = await opening;
        if (kind !== undefined || run !== undefined) {
          tab.content.look({ kind: kind ?? null, run: run ?? null });
        }
        if (!tab.isAttached) {
          place(app.shell, tab);
        }
        show(app.shell, tab);
      }
    });
    void restorer?.restore(tracker, {
      command: CommandIDs.openHistory,
      args: ({ content }) => ({ ...content.looks }),
      name: () => TAB_ID
    });
  }
};

/** Into the main area; in Jupyter Notebook, where one thing fills that, beside or below it. */
function place(shell: JupyterFrontEnd.IShell, tab: Widget): void {
  shell.add(tab, 'main');
  if (!tab.isAttached && shell.currentWidget instanceof TabPanel) {
    // The tree, with its tabs for files and kernels.
    shell.currentWidget.addWidget(tab);
  }
  if (!tab.isAttached) {
    shell.add(tab, 'down');
  }
}

function show(shell: JupyterFrontEnd.IShell, tab: Widget): void {
  const { currentWidget } = shell;
  if (currentWidget instanceof TabPanel && currentWidget.contains(tab)) {
    currentWidget.currentWidget = tab;
  } else {
    shell.activateById(tab.id);
  }
}
