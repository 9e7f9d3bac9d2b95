/** progress-kit in JupyterLab and Jupyter Notebook: the plugins, in the order in which they build on each other. */
import type { JupyterFrontEndPlugin } from '@jupyterlab/application';

import { hubPlugin } from './plugins/hub';
import { mimePlugin } from './plugins/mime';
import { notebooksPlugin } from './plugins/notebooks';
import { panelPlugin } from './plugins/panel';

const plugins: JupyterFrontEndPlugin<unknown>[] = [
  hubPlugin,
  mimePlugin,
  notebooksPlugin,
  panelPlugin
];

export default plugins;
export { IProgressHub } from './tokens';
