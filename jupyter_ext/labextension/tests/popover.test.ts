import { fireEvent, screen, waitFor } from '@testing-library/react';
import { Signal } from '@lumino/signaling';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';

import type { Permission } from '../src/components';
import { english } from '../src/components/words';
import { InboxModel, OperationsModel } from '../src/model';
import { CompletionsPopover } from '../src/plugins/completions-popover';
import type { InboxItem, Read } from '../src/protocol';
import { NOW, snapshot } from './snapshots';

const ITEM: InboxItem = {
  id: 'op_1',
  operation: 'op_1',
  state: 'succeeded',
  at: NOW,
  read: false,
  name: 'Survey',
  elapsed_s: 1,
  error: null,
  origin: snapshot().origin
};

let inbox: InboxModel;
let sent: Read[];
let popover: CompletionsPopover;
let badge: HTMLButtonElement;
let permission: {
  state: Permission;
  changed: Signal<object, void>;
  ask: () => Promise<Permission>;
};
const jump = vi.fn();

beforeEach(() => {
  // JupyterLab draws a widget when the browser has nothing else to do.
  Object.assign(window, { requestIdleCallback: (draw: () => void) => setTimeout(draw) });
  inbox = new InboxModel();
  inbox.take({ type: 'inbox', unread: 1, items: [ITEM] });
  sent = [];
  permission = {
    state: 'default',
    changed: new Signal<object, void>({}),
    ask: vi.fn(() => Promise.resolve<Permission>('granted'))
  };
  const send = (message: unknown) => sent.push(message as Read);
  popover = new CompletionsPopover({
    hub: { inbox, model: new OperationsModel(), send },
    permission,
    words: english,
    jump
  });
  badge = document.body.appendChild(document.createElement('button'));
});

afterEach(() => popover.close());

const open = () => {
  popover.open(badge);
  return screen.findByRole('dialog');
};

it('opens and closes by what it hangs on, and tells of both', async () => {
  const toggled = vi.fn();
  popover.toggled.connect(toggled);
  popover.toggle(badge);
  await screen.findByRole('dialog');
  popover.toggle(badge);
  expect(screen.queryByRole('dialog')).toBeNull();
  expect(toggled).toHaveBeenCalledTimes(2);
});

it('gives the focus back when it is closed by the keyboard', async () => {
  const list = await open();
  await waitFor(() => expect(document.activeElement).toBe(list));
  fireEvent.keyDown(list, { key: 'Escape' });
  expect(screen.queryByRole('dialog')).toBeNull();
  expect(document.activeElement).toBe(badge);
});

it('closes by a press elsewhere, not by one on what it hangs on', async () => {
  fireEvent.pointerDown(await open());
  fireEvent.pointerDown(badge);
  expect(popover.isOpen).toBe(true);
  fireEvent.pointerDown(document.body);
  expect(popover.isOpen).toBe(false);
});

it('leads to where an operation ran, and has read it then', async () => {
  await open();
  fireEvent.click(screen.getByRole('button', { name: 'Open Survey' }));
  expect(jump).toHaveBeenCalledWith(ITEM.origin);
  expect(sent).toEqual([{ type: 'read', ids: ['op_1'] }]);
  expect(popover.isOpen).toBe(false);
});

it('follows the inbox and the permission while it is open', async () => {
  const list = await open();
  inbox.take({ type: 'inbox', unread: 0, items: [{ ...ITEM, read: true }] });
  await waitFor(() => expect(list.querySelector('.pk-unread')).toBeNull());
  fireEvent.click(screen.getByRole('button', { name: 'notify me in the browser too' }));
  expect(permission.ask).toHaveBeenCalledOnce();
  permission.state = 'granted';
  permission.changed.emit();
  await waitFor(() => expect(list.textContent).toContain('notifies you'));
});
