import { act, cleanup, fireEvent, render, screen } from '@testing-library/react';
import * as React from 'react';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { Sharing } from '../src/client/sharing';
import { ProgressTracker } from '../src/components';
import { english } from '../src/components/words';
import { type ISharing, OperationMemory, OperationsModel } from '../src/model';
import { takeToken } from '../src/page/link';
import { PageHub, SharedHub } from '../src/page/server';
import { SharedOperations } from '../src/page/shared-operations';
import { NOW, snapshot } from './snapshots';

const PAGE = 'https://lab.example/user/me/progress-kit/share';
const answer = (status: number, body: unknown = null) =>
  new Response(body === null ? null : JSON.stringify(body), { status });

beforeEach(() => {
  window.sessionStorage.clear();
  window.history.replaceState(null, '', '/progress-kit/share');
});
afterEach(() => {
  cleanup();
  vi.unstubAllGlobals();
});

describe('the token of a link', () => {
  it('leaves the address, and is kept for a reload of this tab', () => {
    window.history.replaceState(null, '', '/progress-kit/share#token=ey.J_a-b.c');
    expect(takeToken()).toBe('ey.J_a-b.c');
    expect(window.location.href).not.toContain('ey.J');
    expect(takeToken()).toBe('ey.J_a-b.c');
  });

  it('gives way to that of a newer link', () => {
    window.history.replaceState(null, '', '/progress-kit/share#token=old');
    takeToken();
    window.history.replaceState(null, '', '/progress-kit/share#token=new');
    expect(takeToken()).toBe('new');
  });

  it('was never there where the address is cut', () => {
    window.history.replaceState(null, '', '/progress-kit/share#tok');
    expect(takeToken()).toBeNull();
  });

  it('stays in the address where nothing can be kept', () => {
    vi.spyOn(Storage.prototype, 'setItem').mockImplementation(() => {
      throw new Error('forbidden');
    });
    window.history.replaceState(null, '', '/progress-kit/share#token=ey');
    expect(takeToken()).toBe('ey');
    expect(window.location.hash).toBe('#token=ey');
  });
});

describe('the hub of a page', () => {
  const asked = vi.fn<typeof fetch>();
  beforeEach(() => {
    asked.mockReset().mockResolvedValue(answer(200, {}));
    vi.stubGlobal('fetch', asked);
  });

  it('is beside the page, wherever the server has it, and sees the cookie twice', async () => {
    document.cookie = '_xsrf=2|a|b';
    await new PageHub(PAGE).request('operations?inbox=0');
    const [url, init] = asked.mock.lastCall!;
    expect((url as URL).href).toBe(
      'https://lab.example/user/me/progress-kit/api/operations?inbox=0'
    );
    expect(init?.headers).toMatchObject({ 'X-XSRFToken': '2|a|b' });
  });

  it('interrupts a kernel of the same server', async () => {
    asked.mockResolvedValue(answer(204));
    await expect(new PageHub(PAGE).interrupt('k/1')).resolves.toBeNull();
    expect((asked.mock.lastCall![0] as URL).href).toBe(
      'https://lab.example/user/me/api/kernels/k%2F1/interrupt'
    );
    asked.mockResolvedValue(answer(403));
    await expect(new PageHub(PAGE).interrupt('k')).rejects.toThrow('HTTP 403');
  });

  it('is asked with the link alone by who has one', async () => {
    const hub = new SharedHub(PAGE, 'ey');
    await expect(hub.mint()).resolves.toBe('ey');
    const [url, init] = asked.mock.lastCall!;
    expect((url as URL).href).not.toContain('ey');
    expect(init).toMatchObject({
      credentials: 'omit',
      headers: { 'X-Progress-Kit-Token': 'ey' }
    });
  });

  it.each([
    [403, 'forbidden'],
    [404, 'missing'],
    [503, 'network']
  ])('says why it does not answer: %i is %s', async (status, reason) => {
    asked.mockResolvedValue(answer(status));
    await expect(new SharedHub(PAGE, 'ey').mint()).rejects.toMatchObject({ reason });
  });
});

describe('what a link shows', () => {
  function shared(fields: Parameters<typeof snapshot>[0][] = [{}]) {
    const model = new OperationsModel();
    const onVoid = vi.fn();
    model.swap(fields.map(snapshot), []);
    model.setLine({ state: 'live', downSince: null, reason: null });
    vi.spyOn(window, 'requestAnimationFrame').mockImplementation(draw => {
      act(() => draw(0));
      return 0;
    });
    render(
      <SharedOperations {...{ model, onVoid }} memory={new OperationMemory()} words={english} />
    );
    return { model, onVoid };
  }

  it('is its operations, without anything that could be done to them', () => {
    shared([{ id: 'op_1', name: 'One', actions: ['cancel', 'pause'] }]);
    expect(screen.getByRole('group', { name: 'One' })).toBeTruthy();
    expect(screen.queryByRole('button', { name: /Cancel|Pause/ })).toBeNull();
  });

  it('has the newest first, and what runs inside another only there', () => {
    shared([
      { id: 'op_1', name: 'Old', started_at: NOW - 9 },
      { id: 'op_2', name: 'New', started_at: NOW - 1 },
      { id: 'op_3', name: 'Inside', parent: 'op_1' }
    ]);
    const names = screen.getAllByRole('group').map(each => each.getAttribute('aria-label'));
    expect(names).toEqual(['New', 'Old']);
  });

  it('is a sentence and nothing else when the link is void', () => {
    const { model, onVoid } = shared();
    model.setLine({ state: 'connecting', downSince: Date.now(), reason: 'forbidden' });
    expect(screen.getByRole('status').textContent).toContain('expired, or it was revoked');
    expect(screen.queryByRole('group')).toBeNull();
    expect(onVoid).toHaveBeenCalledOnce();
  });

  it('says that there is nothing', () => {
    shared([]);
    expect(screen.getByRole('status').textContent).toContain('Nothing runs here now');
  });
});

describe('links that are made here', () => {
  const request = vi.fn<(path: string, init?: RequestInit) => Promise<Response>>();
  const shared = { operation: 'op_1', notebook: null, name: 'Bake' };
  const minted = { token: 'ey', jti: 't_1', expires_in_s: 86_400 };
  beforeEach(() => void request.mockReset());

  it('have the token in the fragment, and this browser keeps all but that', async () => {
    request.mockResolvedValue(answer(201, minted));
    const sharing = new Sharing(request, PAGE);
    await expect(sharing.make(shared, 1)).resolves.toBe(`${PAGE}#token=ey`);
    expect(JSON.parse(request.mock.lastCall![1]?.body as string)).toEqual({
      scopes: ['subscribe'],
      operation: 'op_1',
      notebook: null,
      expires_in_s: 86_400
    });
    expect(new Sharing(request, PAGE).links()).toMatchObject([{ ...shared, jti: 't_1' }]);
    expect(JSON.stringify(Object.entries(window.localStorage))).not.toMatch(/token|\bey\b/);
    expect(new Sharing(request, 'https://lab.example/share').links()).toEqual([]);
  });

  it('are forgotten when they are revoked or over, and kept when the server says no', async () => {
    request.mockResolvedValueOnce(answer(201, minted));
    request.mockResolvedValueOnce(answer(201, { ...minted, jti: 't_2', expires_in_s: -1 }));
    const sharing = new Sharing(request, PAGE);
    await sharing.make(shared, 1);
    await sharing.make(shared, 1);
    expect(sharing.links().map(({ jti }) => jti)).toEqual(['t_1']);
    request.mockResolvedValueOnce(answer(503));
    await expect(sharing.revoke('t_1')).rejects.toThrow('503');
    expect(sharing.links()).toHaveLength(1);
    request.mockResolvedValueOnce(answer(204));
    await sharing.revoke('t_1');
    expect(request).toHaveBeenLastCalledWith('tokens/t_1', { method: 'DELETE' });
    expect(sharing.links()).toEqual([]);
  });

  it('are not made where the server says no', async () => {
    request.mockResolvedValue(answer(403));
    const sharing = new Sharing(request, PAGE);
    await expect(sharing.make(shared, 1)).rejects.toThrow('HTTP 403');
    expect(sharing.links()).toEqual([]);
  });
});

describe('the panel', () => {
  function open(make: ISharing['make'], notebook: string | null = 'a/n.ipynb') {
    const link = { jti: 't_1', operation: 'op_1', notebook: null, name: 'Bake', expires_at: NOW };
    let links = [link];
    const sharing = {
      links: () => links,
      make: vi.fn(make),
      revoke: vi.fn((jti: string) => {
        links = links.filter(each => each.jti !== jti);
        return Promise.resolve();
      })
    };
    const { origin } = snapshot();
    render(
      <ProgressTracker
        variant="panel"
        expanded
        snapshot={snapshot({ name: 'Bake', origin: { ...origin, notebook } })}
        clock={{ now: () => NOW }}
        actions={{ ask: vi.fn(), sharing }}
      />
    );
    fireEvent.click(screen.getByRole('button', { name: 'Share Bake…' }));
    const press = (name: string) =>
      act(async () => {
        fireEvent.click(screen.getByRole('button', { name }));
        await Promise.resolve();
      });
    return { sharing, press };
  }

  it('makes a link to the operation, or to its notebook, for as long as is chosen', async () => {
    const { sharing, press } = open(() => Promise.resolve(`${PAGE}#token=ey`));
    await press('make a link');
    expect(sharing.make).toHaveBeenLastCalledWith(
      { operation: 'op_1', notebook: null, name: 'Bake' },
      7
    );
    expect(screen.getByLabelText<HTMLInputElement>('Link').value).toBe(`${PAGE}#token=ey`);
    expect(screen.queryByText(/this machine only/)).toBeNull();
    fireEvent.change(screen.getByLabelText('What is shared'), { target: { value: 'notebook' } });
    fireEvent.change(screen.getByLabelText('How long the link works'), { target: { value: '30' } });
    await press('make a link');
    expect(sharing.make).toHaveBeenLastCalledWith(
      { operation: null, notebook: 'a/n.ipynb', name: 'n.ipynb' },
      30
    );
  });

  it('says so where a link leads others to their own machine', async () => {
    const { press } = open(() => Promise.resolve('http://127.0.0.1:8888/share#token=ey'), null);
    expect(screen.queryByLabelText('What is shared')).toBeNull();
    await press('make a link');
    expect(screen.getByText(/this machine only/)).toBeTruthy();
  });

  it('revokes a link, and says what went wrong', async () => {
    const { sharing, press } = open(() => Promise.reject(new Error('HTTP 403')));
    await press('make a link');
    expect(screen.getByRole('alert').textContent).toBe('that did not work: HTTP 403');
    await press('Revoke the link to Bake');
    expect(sharing.revoke).toHaveBeenCalledWith('t_1');
    expect(screen.queryByRole('list', { name: 'Links made in this browser' })).toBeNull();
    expect(screen.queryByRole('alert')).toBeNull();
  });
});
