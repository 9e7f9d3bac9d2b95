import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import {
  Dialog,
  ICommandPalette,
  InputDialog,
  Notification as Toast,
  showDialog
} from '@jupyterlab/apputils';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';

import { type IWords, percentOf, whereOf } from '../components';
import { isTerminal, type Snapshot } from '../protocol';
import { IProgressHub } from '../tokens';
import { CommandIDs } from './command-ids';
import { PANEL_ID } from './jump';
import { browserPermission } from './permission';

const NO_ARGS = { args: { type: 'object', properties: {} } } as const;

/** The commands; none of them has a shortcut unless the user gives it one. */
export const commandsPlugin: JupyterFrontEndPlugin<void> = {
  id: 'progress-kit:commands',
  description: 'Adds the commands of the progress of operations, and puts them into the palette.',
  autoStart: true,
  requires: [IProgressHub],
  optional: [ICommandPalette, ITranslator],
  activate: (
    app: JupyterFrontEnd,
    hub: IProgressHub,
    palette: ICommandPalette | null,
    translator: ITranslator | null
  ): void => {
    const { commands, shell } = app;
    const words = (translator ?? nullTranslator).load('progress-kit');
    commands.addCommand(CommandIDs.showPanel, {
      label: words.__('Show Progress Panel'),
      caption: words.__('List the operations of all notebooks and scripts'),
      describedBy: NO_ARGS,
      execute: () => shell.activateById(PANEL_ID)
    });
    commands.addCommand(CommandIDs.enableNotifications, {
      label: words.__('Enable Browser Notifications'),
      caption: words.__('Ask the browser to tell of ends while this page is not in front'),
      describedBy: NO_ARGS,
      isEnabled: () => browserPermission.state !== 'granted',
      execute: () => enableNotifications(words)
    });
    browserPermission.changed.connect(() =>
      commands.notifyCommandChanged(CommandIDs.enableNotifications)
    );
    commands.addCommand(CommandIDs.markAllRead, {
      label: words.__('Mark All Completions as Read'),
      describedBy: NO_ARGS,
      isEnabled: () => hub.inbox.unread > 0,
      execute: () => hub.send({ type: 'read', ids: 'all' })
    });
    hub.inbox.changed.connect(() => commands.notifyCommandChanged(CommandIDs.markAllRead));
    commands.addCommand(CommandIDs.cancel, {
      label: words.__('Cancel Operation…'),
      caption: words.__('Ask a running operation to stop'),
      describedBy: {
        args: {
          type: 'object',
          properties: {
            operation: {
              type: 'string',
              description: 'The id of the operation; without it the user chooses one.'
            }
          }
        }
      },
      execute: ({ operation }) => cancel(hub, operation, words)
    });
    for (const command of Object.values(CommandIDs)) {
      palette?.addItem({ command, category: words.__('Progress') });
    }
  }
};

async function enableNotifications(words: IWords): Promise<void> {
  const state = await browserPermission.ask();
  if (state === 'granted') {
    Toast.success(words.__('The browser notifies you while you are elsewhere.'), {
      autoClose: 3_000
    });
  } else {
    Toast.warning(
      state === 'unsupported'
        ? words.__('The browser has no notifications here; they need https or localhost.')
        : words.__('The browser blocks notifications of this site; its settings can allow them.'),
      { autoClose: 8_000 }
    );
  }
}

async function cancel(hub: IProgressHub, operation: unknown, words: IWords): Promise<void> {
  const running = hub.model
    .list()
    .filter(({ state, actions }) => !isTerminal(state) && actions.includes('cancel'));
  const chosen =
    typeof operation === 'string'
      ? running.find(({ id }) => id === operation)
      : await choose(running, words);
  if (chosen === undefined) {
    return;
  }
  const refused = await hub.command(chosen.id, 'cancel');
  if (refused !== null) {
    Toast.error(words.__('%1 was not cancelled: %2', chosen.name, refused));
  }
}

/** Let the user choose which one to cancel, which is the confirmation as well. */
async function choose(running: readonly Snapshot[], words: IWords): Promise<Snapshot | undefined> {
  const title = words.__('Cancel Operation');
  if (running.length === 0) {
    await showDialog({
      title,
      body: words.__('Nothing runs that can be cancelled.'),
      buttons: [Dialog.okButton()]
    });
    return undefined;
  }
  // Two may look the same: the number tells which was chosen.
  const items = running.map((snapshot, i) =>
    [`${i + 1}. ${snapshot.name}`, whereOf(snapshot, words), percentOf(snapshot)]
      .filter(part => part !== '')
      .join(' · ')
  );
  const { button, value } = await InputDialog.getItem({
    title,
    label: words.__('What it has not done yet stays undone.'),
    items,
    okLabel: words.__('Cancel It'),
    cancelLabel: words.__('Let It Run')
  });
  return button.accept && value !== null ? running[items.indexOf(value)] : undefined;
}
