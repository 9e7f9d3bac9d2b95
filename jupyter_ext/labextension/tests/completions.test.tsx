import { cleanup, fireEvent, render, screen, within } from '@testing-library/react';
import axe from 'axe-core';
import * as React from 'react';
import { afterEach, describe, expect, it, vi } from 'vitest';

import {
  announcementOf,
  Completions,
  type ICompletionsProps,
  NotificationBadge,
  OverallItem
} from '../src/components';
import { english } from '../src/components/words';
import type { IOverall } from '../src/model';
import type { InboxItem } from '../src/protocol';
import { NOW, snapshot } from './snapshots';

afterEach(cleanup);

const NOTHING: IOverall = { running: 0, fraction: null, left_s: null };

function item(fields: Partial<InboxItem> = {}): InboxItem {
  return {
    id: 'op_1',
    operation: 'op_1',
    state: 'succeeded',
    at: NOW - 240,
    read: false,
    name: 'Survey',
    elapsed_s: 103,
    error: null,
    origin: snapshot().origin,
    ...fields
  };
}

const FAILED = item({
  id: 'op_2',
  operation: 'op_2',
  state: 'failed',
  name: 'Fit 240 models',
  at: NOW - 130,
  error: { type: 'ValueError', message: 'Input X contains <b>NaN</b>\nsecond line' }
});

function show(props: Partial<ICompletionsProps> = {}) {
  const spies = { onOpen: vi.fn(), onReadAll: vi.fn(), onAllow: vi.fn(), onClose: vi.fn() };
  const items = [FAILED, item(), item({ id: 'op_3', read: true, name: 'Thumbnails' })];
  render(
    <Completions
      items={items}
      unread={2}
      clock={{ now: () => NOW }}
      permission="default"
      {...spies}
      {...props}
    />
  );
  return { ...spies, dialog: screen.getByRole('dialog', { name: 'Recent completions' }) };
}

describe('the badge', () => {
  function badge(overall: Partial<IOverall>, unread = { failed: 0, others: 0 }) {
    const onToggle = vi.fn();
    render(
      <NotificationBadge
        overall={{ ...NOTHING, ...overall }}
        unread={unread}
        open={false}
        onToggle={onToggle}
      />
    );
    return { button: screen.getByRole('button'), onToggle };
  }

  it('says how far everything is, how many run, and what ended unseen', () => {
    const { button } = badge({ running: 3, fraction: 0.629 }, { failed: 1, others: 2 });
    expect(button.textContent).toBe('62 %321');
    expect(button.getAttribute('aria-label')).toBe(
      'Progress: 3 running, 62 %; not seen yet: 1 failed, 2 ended'
    );
  });

  it('tells failed ones by their shape too', () => {
    const { button } = badge({}, { failed: 1, others: 1 });
    const shapes = [...button.querySelectorAll('.pk-chip path')].map(path =>
      path.getAttribute('d')
    );
    expect(new Set(shapes).size).toBe(2);
  });

  it('is only an icon when there is nothing to say', () => {
    const { button } = badge({});
    expect(button.textContent).toBe('');
    expect(button.getAttribute('aria-label')).toBe('Progress: nothing runs');
  });

  it('gives no percentage where nobody knows the total, and no more than two digits', () => {
    const { button } = badge({ running: 1 }, { failed: 0, others: 240 });
    expect(button.textContent).toBe('199+');
  });

  it('opens the list by a click, and says whether it is open', () => {
    const { button, onToggle } = badge({});
    expect(button.getAttribute('aria-expanded')).toBe('false');
    fireEvent.click(button);
    expect(onToggle).toHaveBeenCalledOnce();
  });
});

describe('the list of completions', () => {
  it('says of each how it ended, why it failed, where and when', () => {
    show();
    const texts = screen.getAllByRole('listitem').map(row => row.textContent);
    expect(texts[0]).toContain('Fit 240 models failed');
    expect(texts[0]).toContain('ValueError: Input X contains <b>NaN</b>');
    expect(texts[0]).not.toContain('second line');
    expect(texts[0]).toContain('demo.ipynb · 2 min ago');
    expect(texts[1]).toContain('Survey finished in 1 min 43 s');
  });

  it('tells the unread from the read in words', () => {
    show();
    const [first, , third] = screen.getAllByRole('listitem');
    expect(first!.textContent).toContain('not seen yet:');
    expect(third!.textContent).not.toContain('not seen yet:');
  });

  it('keeps HTML in names and errors text', () => {
    const { dialog } = show({ items: [item({ name: '<img src=x>' }), FAILED] });
    expect(dialog.querySelector('img, b')).toBeNull();
    expect(dialog.textContent).toContain('<img src=x>');
  });

  it('isolates a name that is written from right to left', () => {
    const { dialog } = show({ items: [item({ name: 'סקר' })] });
    expect(dialog.textContent).toContain('\u2068סקר\u2069 finished');
  });

  it('opens an item, and marks all read while there is something unread', () => {
    const { onOpen, onReadAll } = show();
    fireEvent.click(screen.getByRole('button', { name: 'Open Fit 240 models' }));
    expect(onOpen).toHaveBeenCalledWith(FAILED);
    fireEvent.click(screen.getByRole('button', { name: 'mark all read' }));
    expect(onReadAll).toHaveBeenCalledOnce();
    cleanup();
    show({ unread: 0 });
    expect(screen.queryByRole('button', { name: 'mark all read' })).toBeNull();
  });

  it('takes the focus, goes round with Tab, and closes with Escape', () => {
    const { dialog, onClose } = show();
    expect(document.activeElement).toBe(dialog);
    const buttons = within(dialog).getAllByRole('button');
    buttons.at(-1)!.focus();
    fireEvent.keyDown(buttons.at(-1)!, { key: 'Tab' });
    expect(document.activeElement).toBe(buttons[0]);
    fireEvent.keyDown(buttons[0]!, { key: 'Tab', shiftKey: true });
    expect(document.activeElement).toBe(buttons.at(-1));
    fireEvent.keyDown(dialog, { key: 'Escape' });
    expect(onClose).toHaveBeenCalledOnce();
  });

  it('offers to ask the browser only while the user has not decided', () => {
    const { onAllow } = show();
    fireEvent.click(screen.getByRole('button', { name: 'notify me in the browser too' }));
    expect(onAllow).toHaveBeenCalledOnce();
    for (const [permission, text] of [
      ['granted', 'notifies you'],
      ['denied', 'blocks notifications'],
      ['unsupported', 'https or localhost']
    ] as const) {
      cleanup();
      const { dialog } = show({ permission });
      expect(dialog.textContent).toContain(text);
      expect(screen.queryByRole('button', { name: /notify me/ })).toBeNull();
    }
  });

  it('says so when nothing has ended', () => {
    const { dialog } = show({ items: [], unread: 0 });
    expect(dialog.textContent).toContain('Nothing has ended yet.');
  });

  it('has nothing that axe complains about', async () => {
    const { dialog } = show();
    // Without a canvas axe leaves out icons made of letters, of which there are none.
    vi.spyOn(HTMLCanvasElement.prototype, 'getContext').mockReturnValue(null);
    // Colours are looked at in a real browser: jsdom does not compute them.
    const { violations } = await axe.run(dialog, {
      rules: { 'color-contrast': { enabled: false } }
    });
    expect(violations).toEqual([]);
  });
});

describe('the item of the status bar', () => {
  it('says how many run and how long still', () => {
    const onClick = vi.fn();
    render(
      <OverallItem
        overall={{ running: 3, fraction: 0.62, left_s: 41 }}
        offline={false}
        onClick={onClick}
      />
    );
    const button = screen.getByRole('button', {
      name: 'Progress: 3 running, 62 %, about 40 s left'
    });
    expect(button.textContent).toBe('3 running · 40 s');
    fireEvent.click(button);
    expect(onClick).toHaveBeenCalledOnce();
  });

  it('says offline instead of a time that nobody knows', () => {
    const overall = { running: 1, fraction: 0.62, left_s: 41 };
    render(<OverallItem overall={overall} offline onClick={vi.fn()} />);
    expect(screen.getByRole('button').textContent).toBe('1 running · offline');
  });

  it('is not there when nothing runs', () => {
    const { container } = render(
      <OverallItem overall={NOTHING} offline={false} onClick={vi.fn()} />
    );
    expect(container.innerHTML).toBe('');
  });
});

describe('an announcement', () => {
  /** Its two lines, and whether it is one of failure. */
  const said = (...ended: InboxItem[]) => {
    const { title, body, failed } = announcementOf(ended, english);
    return [title, body, failed];
  };

  it('of one end says how it ended, why, and where', () => {
    expect(said(FAILED)).toEqual([
      'Fit 240 models failed',
      'ValueError: Input X contains <b>NaN</b> · demo.ipynb',
      true
    ]);
    expect(said(item())).toEqual(['Survey finished in 1 min 43 s', 'demo.ipynb', false]);
    expect(said(item({ state: 'cancelled' }))[0]).toBe('Survey was cancelled');
    const lost = item({ state: 'failed', error: { type: 'Lost', message: 'the kernel died' } });
    expect(said(lost)[0]).toBe('Survey was lost');
  });

  it('of several names the failed ones first, and counts the rest', () => {
    const ended = ['a', 'b', 'c', 'd'].map(name => item({ name }));
    expect(said(...ended, FAILED)).toEqual([
      '5 operations ended, 1 failed',
      'Fit 240 models, a, b and 2 more',
      true
    ]);
    expect(said(...ended.slice(0, 2))).toEqual(['2 operations ended', 'a, b', false]);
  });

  it('leaves room for what happened beside a long name', () => {
    const [title] = said(item({ name: '🐢'.repeat(200) }));
    expect(title).toBe(`${'🐢'.repeat(49)}… finished in 1 min 43 s`);
  });
});
