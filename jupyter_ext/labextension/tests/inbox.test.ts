import { describe, expect, it } from 'vitest';

import { InboxModel } from '../src/model';
import type { InboxItem } from '../src/protocol';
import { NOW, snapshot } from './snapshots';

function item(id: string, read = false): InboxItem {
  const { name, elapsed_s, error, origin } = snapshot();
  return {
    id,
    operation: `op_${id}`,
    state: 'succeeded',
    at: NOW,
    read,
    name,
    elapsed_s,
    error,
    origin
  };
}

/** An inbox with two unread ends on the screen and three that are older, and how often it told of a change. */
function filled(): { inbox: InboxModel; changes: () => number } {
  const inbox = new InboxModel();
  inbox.take({ type: 'inbox', unread: 5, items: [item('a'), item('b', true), item('c')] });
  let count = 0;
  inbox.changed.connect(() => (count += 1));
  return { inbox, changes: () => count };
}

describe('the inbox of a page', () => {
  it('shows what was read at once, and leaves the rest', () => {
    const { inbox, changes } = filled();
    inbox.read(['a', 'b', 'elsewhere']);
    expect([inbox.unread, inbox.items.map(({ read }) => read)]).toEqual([4, [true, true, false]]);
    expect(changes()).toBe(1);
  });

  it('reads all, also what is too old to be listed', () => {
    const { inbox } = filled();
    inbox.read('all');
    expect([inbox.unread, inbox.items.every(({ read }) => read)]).toEqual([0, true]);
  });

  it('is silent where nothing changes', () => {
    const { inbox, changes } = filled();
    inbox.read(['b']);
    expect(changes()).toBe(0);
  });

  it('believes the hub', () => {
    const { inbox } = filled();
    inbox.read('all');
    inbox.take({ type: 'inbox', unread: 1, items: [item('d')] });
    expect([inbox.unread, inbox.items.map(({ id }) => id)]).toEqual([1, ['d']]);
  });

  it('hands out items that nobody can change', () => {
    const { inbox } = filled();
    expect(() => (inbox.items[0]!.read = true)).toThrow(TypeError);
  });
});
