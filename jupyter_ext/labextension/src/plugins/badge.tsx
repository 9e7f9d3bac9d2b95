import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { INotebookTracker } from '@jupyterlab/notebook';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { ReactWidget, UseSignal } from '@jupyterlab/ui-components';
import { Signal } from '@lumino/signaling';
import * as React from 'react';

import { type IUnread, type IWords, NotificationBadge } from '../components';
import type { InboxModel } from '../model';
import { IProgressHub } from '../tokens';
import { CommandIDs } from './command-ids';
import { CompletionsPopover } from './completions-popover';
import { Jumper } from './jump';
import { type OverallWatch, overallWatch } from './overall';
import { browserPermission } from './permission';
import { IProgressSettings } from './settings';

/** At the right end of the top bar, after what JupyterLab and Notebook 7 put there. */
const RANK = 10_050;

/** The badge in the top bar, and the list of recent ends that it opens. */
export const badgePlugin: JupyterFrontEndPlugin<void> = {
  id: 'progress-kit:badge',
  description: 'Shows in the top bar what runs and what ended, and lists the recent ends.',
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
    const popover = new CompletionsPopover({
      hub,
      permission: browserPermission,
      words,
      jump: origin => void jumper.to(origin)
    });
    const badge = new Badge(hub.inbox, overallWatch(hub), popover, words);
    const place = (): void => {
      badge.setHidden(!settings.badge);
    };
    settings.changed.connect(place);
    place();
    app.shell.add(badge, 'top', { rank: RANK });
    app.commands.addCommand(CommandIDs.showCompletions, {
      label: words.__('Show Recent Completions'),
      caption: words.__('List the operations that ended lately'),
      describedBy: { args: { type: 'object', properties: {} } },
      execute: () => popover.open(badge.isVisible ? badge.button : null)
    });
  }
};

/** The badge as a widget of the top bar. */
class Badge extends ReactWidget {
  constructor(
    private readonly _inbox: InboxModel,
    private readonly _overall: OverallWatch,
    private readonly _popover: CompletionsPopover,
    private readonly _words: IWords
  ) {
    super();
    this.id = 'progress-kit-badge';
    this.addClass('pk-badge-widget');
    _inbox.changed.connect(this._onChanged, this);
    _overall.changed.connect(this._onChanged, this);
    _popover.toggled.connect(this._onChanged, this);
  }

  get button(): HTMLButtonElement | null {
    return this._button.current;
  }

  protected override render(): React.JSX.Element {
    return (
      <UseSignal signal={this._changed}>
        {() => (
          <NotificationBadge
            ref={this._button}
            overall={this._overall.value}
            unread={unreadOf(this._inbox)}
            open={this._popover.isOpen}
            onToggle={() => this._popover.toggle(this.button)}
            words={this._words}
          />
        )}
      </UseSignal>
    );
  }

  private _onChanged(): void {
    this._changed.emit();
  }

  private readonly _button = React.createRef<HTMLButtonElement>();
  private readonly _changed = new Signal<this, void>(this);
}

/** Only the newest items say how they ended; older ones count as ended. */
function unreadOf({ unread, items }: InboxModel): IUnread {
  const failed = items.filter(({ read, state }) => !read && state === 'failed').length;
  return { failed, others: Math.max(0, unread - failed) };
}
