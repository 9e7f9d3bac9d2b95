import { cleanup, fireEvent, render, screen } from '@testing-library/react';
import * as React from 'react';
import { afterEach, describe, expect, it, vi } from 'vitest';

import { type IProgressTrackerProps, ProgressTracker } from '../src/components';
import { type IRequest, Requests } from '../src/model';
import { NOW, snapshot } from './snapshots';

afterEach(cleanup);

const NAME = 'Customize résumé';

function show(
  fields: Parameters<typeof snapshot>[0] = {},
  props: Partial<IProgressTrackerProps> = {}
) {
  cleanup();
  const actions = { ask: vi.fn(), interrupt: vi.fn(), goTo: vi.fn(), dismiss: vi.fn() };
  render(
    <ProgressTracker
      variant="panel"
      snapshot={snapshot(fields)}
      clock={{ now: () => NOW }}
      actions={actions}
      {...props}
    />
  );
  const button = (name: string) => screen.queryByRole('button', { name });
  return { actions, button, press: (name: string) => fireEvent.click(button(name)!) };
}

const asked = (fields: Partial<IRequest> = {}): IRequest => ({
  action: 'cancel',
  at: Date.now(),
  refused: null,
  ...fields
});

describe('cancel', () => {
  it('is offered only where the operation can be cancelled', () => {
    const offered = (...how: Parameters<typeof show>) =>
      show(...how).button(`Cancel ${NAME}`) !== null;
    expect(offered()).toBe(true);
    expect(offered({ actions: [] })).toBe(false);
    expect(offered({ state: 'failed' })).toBe(false);
    expect(offered({}, { offlineSince: Date.now() - 5_000 })).toBe(false);
    expect(offered({}, { known: false })).toBe(false);
    expect(offered({}, { actions: undefined })).toBe(false);
  });

  it('is asked for at once in a cell, and after a question in the panel', () => {
    const cell = show({}, { variant: 'cell' });
    cell.press(`Cancel ${NAME}`);
    expect(cell.actions.ask).toHaveBeenCalledWith(
      expect.objectContaining({ id: 'op_1' }),
      'cancel'
    );
    const { actions, press } = show();
    press(`Cancel ${NAME}`);
    press('no');
    expect(actions.ask).not.toHaveBeenCalled();
    press(`Cancel ${NAME}`);
    press('yes');
    expect(actions.ask).toHaveBeenCalledOnce();
  });

  it('says what became of it', () => {
    show({}, { request: asked() });
    expect(screen.getByText('cancelling…')).toBeTruthy();
    const { button } = show({}, { request: asked({ refused: 'unsupported' }) });
    expect(screen.getByRole('alert').textContent).toBe('not cancelled: unsupported');
    expect(button(`Cancel ${NAME}`)).not.toBeNull();
  });
});

describe('the interrupt of the kernel', () => {
  const offered = (...how: Parameters<typeof show>) =>
    show(...how).button(`Interrupt the kernel of ${NAME}`) !== null;

  it('is the stronger way when a cancel stays without effect', () => {
    expect(offered()).toBe(false);
    expect(offered({}, { request: asked() })).toBe(false);
    expect(offered({}, { request: asked({ at: Date.now() - 6_000 }) })).toBe(true);
    expect(offered({}, { request: asked({ refused: 'unsupported' }) })).toBe(true);
  });

  it('is the only way where the operation cannot be cancelled, if it has a kernel', () => {
    expect(offered({ actions: [] })).toBe(true);
    const origin = { ...snapshot().origin, kernel_id: null };
    expect(offered({ actions: [], origin })).toBe(false);
  });

  it('is asked for after a question', () => {
    const { actions, press } = show({ actions: [] });
    press(`Interrupt the kernel of ${NAME}`);
    expect(actions.interrupt).not.toHaveBeenCalled();
    press('yes');
    expect(actions.interrupt).toHaveBeenCalledOnce();
  });
});

describe('pause and resume', () => {
  const both = { actions: ['cancel', 'pause', 'resume'] as ('cancel' | 'pause' | 'resume')[] };

  it('are offered by those who can, each in its time', () => {
    const names = (state: 'running' | 'paused') => {
      const { button } = show({ ...both, state });
      return [`Pause ${NAME}`, `Resume ${NAME}`].map(name => button(name) !== null);
    };
    expect(names('running')).toEqual([true, false]);
    expect(names('paused')).toEqual([false, true]);
    expect(show().button(`Pause ${NAME}`)).toBeNull();
  });

  it('have had their effect when the state says so', () => {
    const request = asked({ action: 'pause' });
    show(both, { request });
    expect(screen.getByText('pausing…')).toBeTruthy();
    const { actions, press } = show({ ...both, state: 'paused' }, { request });
    expect(screen.queryByText('pausing…')).toBeNull();
    press(`Resume ${NAME}`);
    expect(actions.ask).toHaveBeenCalledWith(expect.anything(), 'resume');
  });

  it('say so while a pause that was heard waits for the next step, and can be taken back', () => {
    const held = { actions: ['cancel', 'resume'] as ('cancel' | 'resume')[] };
    for (const request of [null, asked({ action: 'pause' })]) {
      const { actions, button, press } = show(held, { request });
      expect(screen.getByText('pausing…')).toBeTruthy();
      expect(button(`Pause ${NAME}`)).toBeNull();
      press(`Resume ${NAME}`);
      expect(actions.ask).toHaveBeenCalledWith(expect.anything(), 'resume');
    }
    const { button } = show(
      { actions: ['cancel', 'pause'] as ('cancel' | 'pause')[] },
      { request: asked({ action: 'resume' }) }
    );
    expect(screen.queryByText('resuming…')).toBeNull();
    expect(button(`Pause ${NAME}`)).not.toBeNull();
  });

  it('do not keep anybody from cancelling, but nothing comes after that', () => {
    const names = (action: 'pause' | 'cancel') => {
      const { button } = show(both, { request: asked({ action }) });
      return [`Cancel ${NAME}`, `Pause ${NAME}`].map(name => button(name) !== null);
    };
    expect(names('pause')).toEqual([true, false]);
    expect(names('cancel')).toEqual([false, false]);
  });
});

describe('the other ways to act', () => {
  it('lead to the cell, by the name and from an error', () => {
    const error = { type: 'ValueError', message: 'no' };
    const { actions, press } = show({ state: 'failed', error });
    press(NAME);
    press('go to the cell');
    expect(actions.goTo).toHaveBeenCalledTimes(2);
  });

  it('put away what has ended, and only that', () => {
    expect(show().button(`Dismiss ${NAME}`)).toBeNull();
    const { actions, press } = show({ state: 'cancelled' });
    press(`Dismiss ${NAME}`);
    expect(actions.dismiss).toHaveBeenCalledOnce();
  });

  it('copy the id', async () => {
    const writeText = vi.fn(() => Promise.resolve());
    Object.defineProperty(navigator, 'clipboard', { value: { writeText }, configurable: true });
    const { press } = show({}, { expanded: true });
    press(`Copy id of ${NAME}`);
    expect(writeText).toHaveBeenCalledWith('op_1');
    expect(await screen.findByText('copied')).toBeTruthy();
  });
});

describe('what was asked', () => {
  it('is known to all places that show the operation, with its refusal', async () => {
    const requests = new Requests(() => 5);
    const told: string[] = [];
    requests.changed.connect((_, id) => told.push(id));
    const done = requests.ask('a', 'pause', Promise.resolve('no such operation'));
    expect(requests.get('a')).toEqual({ action: 'pause', at: 5, refused: null });
    await done;
    expect(requests.get('a')?.refused).toBe('no such operation');
    expect(told).toEqual(['a', 'a']);
  });

  it('is not overwritten by the late answer to an earlier request', async () => {
    const requests = new Requests();
    let answer: (refused: string) => void = () => undefined;
    const first = requests.ask('a', 'pause', new Promise<string>(resolve => (answer = resolve)));
    await requests.ask('a', 'cancel', Promise.resolve(null));
    answer('too late');
    await first;
    expect(requests.get('a')).toMatchObject({ action: 'cancel', refused: null });
  });

  it('is refused when it could not be sent', async () => {
    const requests = new Requests();
    await requests.ask('a', 'cancel', Promise.reject(new Error('offline')));
    expect(requests.get('a')?.refused).toBe('offline');
  });
});
