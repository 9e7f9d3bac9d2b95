import {
  ILabStatus,
  type JupyterFrontEnd,
  type JupyterFrontEndPlugin
} from '@jupyterlab/application';

import { IProgressHub } from '../tokens';
import { FaviconRing } from './favicon';
import { overallWatch } from './overall';
import { IProgressSettings } from './settings';
import { prefixOf, TitlePrefix } from './title';

/** Shows the overall progress where it can be seen from another tab: in the title and in the icon of this one. */
export const tabPlugin: JupyterFrontEndPlugin<void> = {
  id: 'progress-kit:tab',
  description: 'Shows the overall progress in the title and the icon of the browser tab.',
  autoStart: true,
  requires: [IProgressHub, IProgressSettings],
  optional: [ILabStatus],
  activate: (
    _app: JupyterFrontEnd,
    hub: IProgressHub,
    settings: IProgressSettings,
    status: ILabStatus | null
  ): void => {
    const overall = overallWatch(hub);
    const title = new TitlePrefix();
    const favicon = new FaviconRing(() => status?.isBusy ?? false);
    const show = (): void => {
      const { running, fraction } = overall.value;
      title.set(settings.tabTitle ? prefixOf(running, fraction, overall.offline) : '');
      if (settings.favicon && running > 0) {
        favicon.show(fraction);
      } else {
        favicon.hide();
      }
    };
    overall.changed.connect(show);
    settings.changed.connect(show);
    show();
  }
};
