import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { INotebookTracker } from '@jupyterlab/notebook';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';

import { IProgressHub } from '../tokens';
import { Announcer } from './announcer';
import { Attention } from './attention';
import { CommandIDs } from './command-ids';
import { Jumper } from './jump';
import { browserPermission } from './permission';
import { PresenceReporter } from './presence';
import { SeenEnds } from './seen';
import { IProgressSettings } from './settings';

/** Tells the user of ends when the hub asks this page to, and the hub how well this page can do so. */
export const notificationsPlugin: JupyterFrontEndPlugin<void> = {
  id: 'progress-kit:notifications',
  description: 'Announces the ends of operations by toasts and by notifications of the browser.',
  autoStart: true,
  requires: [IProgressHub, IProgressSettings],
  optional: [INotebookTracker, ITranslator],
  activate: (
    app: JupyterFrontEnd,
    hub: IProgressHub,
    settings: IProgressSettings,
    notebooks: INotebookTracker | null,
    translator: ITranslator | null
  ): void => {
    const words = (translator ?? nullTranslator).load('progress-kit');
    const jumper = new Jumper(app, notebooks);
    const attention = new Attention(app, jumper);
    const reporter = new PresenceReporter(hub, attention, browserPermission);
    const seen = new SeenEnds(hub, attention);
    notebooks?.widgetAdded.connect((_, panel) => void jumper.arrive(panel));
    app.shell.currentChanged?.connect(() => {
      reporter.report();
      seen.look();
    });
    new Announcer({
      hub,
      settings,
      attention,
      permission: browserPermission,
      words,
      jump: origin => jumper.to(origin),
      list: () => app.commands.execute(CommandIDs.showCompletions)
    });
  }
};
