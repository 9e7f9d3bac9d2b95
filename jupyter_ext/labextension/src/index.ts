/** progress-kit in JupyterLab and Jupyter Notebook: the plugins, in the order in which they build on each other. */
import type { JupyterFrontEndPlugin } from '@jupyterlab/application';

import { badgePlugin } from './plugins/badge';
import { cellsPlugin } from './plugins/cells';
import { commandsPlugin } from './plugins/commands';
import { handlingPlugin } from './plugins/handling';
import { historyPlugin } from './plugins/history';
import { hubPlugin } from './plugins/hub';
import { iopubPlugin } from './plugins/iopub';
import { mimePlugin } from './plugins/mime';
import { notebooksPlugin } from './plugins/notebooks';
import { notificationsPlugin } from './plugins/notifications';
import { panelPlugin } from './plugins/panel';
import { runningPlugin } from './plugins/running';
import { settingsPlugin } from './plugins/settings';
import { statusPlugin } from './plugins/status';
import { tabPlugin } from './plugins/tab';

const plugins: JupyterFrontEndPlugin<unknown>[] = [
  settingsPlugin,
  hubPlugin,
  handlingPlugin,
  mimePlugin,
  notebooksPlugin,
  cellsPlugin,
  iopubPlugin,
  panelPlugin,
  historyPlugin,
  badgePlugin,
  notificationsPlugin,
  statusPlugin,
  tabPlugin,
  runningPlugin,
  commandsPlugin
];

export default plugins;
export { IProgressHub } from './tokens';
