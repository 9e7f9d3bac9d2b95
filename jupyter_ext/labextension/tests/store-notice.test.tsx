import { act, cleanup, render, screen } from '@testing-library/react';
import * as React from 'react';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';

import { StoreNotice } from '../src/components';
import { ASK_MS } from '../src/components/store-notice';
import { english } from '../src/components/words';
import { OperationsModel } from '../src/model';
import type { StoreHealth } from '../src/protocol';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => {
  cleanup();
  vi.useRealTimers();
});

function open(answers: (StoreHealth | null)[], visible = true) {
  const model = new OperationsModel();
  const ask = vi.fn(() => Promise.resolve(answers.length > 1 ? answers.shift()! : answers[0]!));
  const view = render(
    <StoreNotice {...{ model, ask }} isVisible={() => visible} words={english} />
  );
  return { model, ask, view };
}

const settle = (ms = 0) => act(() => vi.advanceTimersByTimeAsync(ms));

it('says nothing where all is well', async () => {
  const { view } = open([{ status: 'ok', reason: null }]);
  await settle();
  expect(view.container.textContent).toBe('');
});

it('says what is not kept, and why, until it is', async () => {
  open([
    { status: 'memory', reason: '/data/history.sqlite3: disk is full' },
    { status: 'ok', reason: null }
  ]);
  await settle();
  expect(screen.getByRole('status').textContent).toBe(
    'What ends now is not kept on disk until this is mended: /data/history.sqlite3: disk is full. What runs goes on.'
  );
  await settle(ASK_MS * 1.5);
  expect(screen.queryByRole('status')).toBeNull();
});

it('says what was lost of a damaged history', async () => {
  open([{ status: 'ok', reason: 'the damaged file was kept as history.broken' }]);
  await settle();
  expect(screen.getByRole('status').textContent).toContain('A part of the history was lost');
});

it('asks again when the line is new, and not for nobody', async () => {
  const { model, ask } = open([null]);
  await settle();
  expect(ask).toHaveBeenCalledTimes(1);
  act(() => model.setLine({ state: 'live', reason: null, downSince: null }));
  await settle();
  expect(ask).toHaveBeenCalledTimes(2);
  cleanup();
  const hidden = open([null], false);
  await settle(ASK_MS * 3);
  expect(hidden.ask).not.toHaveBeenCalled();
});
