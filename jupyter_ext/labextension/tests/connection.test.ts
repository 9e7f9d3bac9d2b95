import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { HubConnection, type ISocket, TokenRefused } from '../src/client/connection';
import { OperationsModel } from '../src/model';
import { snapshot } from './snapshots';

/** The hub's end of one socket, in the hands of a test. */
class Socket implements ISocket {
  constructor(readonly protocols: string[]) {
    Socket.all.push(this);
  }
  static all: Socket[] = [];
  static get last(): Socket {
    return Socket.all.at(-1)!;
  }
  onopen: ISocket['onopen'] = null;
  onmessage: ISocket['onmessage'] = null;
  onclose: ISocket['onclose'] = null;
  readonly sent: { type: string; [field: string]: unknown }[] = [];
  closed = false;
  send(data: string) {
    this.sent.push(JSON.parse(data) as { type: string });
  }
  close() {
    this.closed = true;
  }
  tell(message: object) {
    this.onmessage?.(new MessageEvent('message', { data: JSON.stringify(message) }));
  }
  /** Let the client in and tell it everything. */
  welcome(operations = [snapshot()], epoch = 'e1') {
    this.onopen?.(new Event('open'));
    this.tell({ type: 'welcome', epoch, revision: 1, now: 50, ping_s: 20, scopes: [], limits: {} });
    this.tell({
      type: 'state',
      subscription: 'all',
      epoch,
      revision: 1,
      now: 50,
      reset: true,
      more: false,
      operations,
      removed: []
    });
  }
  drop(code: number) {
    this.onclose?.({ code } as CloseEvent);
  }
}

let model: OperationsModel;
let connection: HubConnection | null;
let mint: ReturnType<typeof vi.fn<() => Promise<string>>>;

async function connect(): Promise<Socket> {
  connection = new HubConnection({
    model,
    client: 'test/1',
    mint,
    open: protocols => new Socket(protocols),
    random: () => 1
  });
  await vi.advanceTimersByTimeAsync(0);
  return Socket.last;
}

beforeEach(() => {
  vi.useFakeTimers();
  Socket.all = [];
  connection = null;
  model = new OperationsModel();
  let minted = 0;
  mint = vi.fn(() => Promise.resolve(`jwt-${++minted}`));
});

afterEach(() => {
  connection?.dispose();
  vi.useRealTimers();
});

describe('a connection to the hub', () => {
  it('carries the token as a sub-protocol', async () => {
    const socket = await connect();
    expect(socket.protocols).toEqual(['progress-kit.v1', 'progress-kit.jwt.jwt-1']);
    socket.welcome();
    expect(socket.sent[0]).toMatchObject({ type: 'hello', token: 'jwt-1', client: 'test/1' });
    expect(model.line.state).toBe('live');
    expect(model.get('op_1')?.name).toBe('Customize résumé');
  });

  it('comes back by itself with a new token, and resumes', async () => {
    (await connect()).welcome();
    Socket.last.drop(1006);
    expect(model.line.state).toBe('connecting');
    await vi.advanceTimersByTimeAsync(500);
    expect(Socket.all).toHaveLength(2);
    expect(Socket.last.protocols[1]).toBe('progress-kit.jwt.jwt-2');
    Socket.last.onopen?.(new Event('open'));
    Socket.last.tell({
      type: 'welcome',
      epoch: 'e1',
      revision: 4,
      now: 60,
      ping_s: 20,
      limits: {}
    });
    expect(Socket.last.sent.at(-1)).toMatchObject({ resume: { epoch: 'e1', revision: 1 } });
  });

  it('waits longer each time, up to 30 s, while the server is away', async () => {
    (await connect()).welcome();
    mint.mockRejectedValue(new Error('no network'));
    Socket.last.drop(1006);
    const waits: number[] = [];
    for (let attempt = 0, last = Date.now(); attempt < 9; attempt++) {
      const calls = mint.mock.calls.length;
      while (mint.mock.calls.length === calls) {
        await vi.advanceTimersByTimeAsync(100);
      }
      waits.push(Math.round((Date.now() - last) / 100) / 10);
      last = Date.now();
    }
    expect(waits).toEqual([0.5, 1, 2, 4, 8, 16, 30, 30, 30]);
    expect(model.line).toMatchObject({ state: 'offline', reason: 'network' });
  });

  it('goes on trying after a request or a handshake that is never answered', async () => {
    mint.mockImplementationOnce(() => new Promise(() => {}));
    connection = new HubConnection({
      model,
      client: 'test/1',
      mint,
      open: p => new Socket(p),
      random: () => 1
    });
    await vi.advanceTimersByTimeAsync(16_000);
    expect(Socket.all).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(12_000);
    expect(Socket.all).toHaveLength(2);
    Socket.last.welcome();
    expect(model.line.state).toBe('live');
  });

  it('is offline only when it has been down for 2 s', async () => {
    (await connect()).welcome();
    mint.mockImplementation(() => new Promise(() => {}));
    Socket.last.drop(1006);
    await vi.advanceTimersByTimeAsync(1_900);
    expect(model.line.state).toBe('connecting');
    await vi.advanceTimersByTimeAsync(200);
    expect(model.line.state).toBe('offline');
  });

  it('does not wait when the network comes back', async () => {
    (await connect()).welcome();
    mint.mockRejectedValue(new Error('no network'));
    Socket.last.drop(1006);
    await vi.advanceTimersByTimeAsync(60_000);
    mint.mockResolvedValue('jwt-new');
    window.dispatchEvent(new Event('online'));
    await vi.advanceTimersByTimeAsync(0);
    expect(Socket.last.protocols[1]).toBe('progress-kit.jwt.jwt-new');
  });

  it.each([
    [4400, 'malformed'],
    [4403, 'forbidden'],
    [4406, 'version'],
    [4409, 'replaced']
  ])('does not repeat what was refused with %i', async (code, reason) => {
    (await connect()).welcome();
    Socket.last.drop(code);
    await vi.advanceTimersByTimeAsync(120_000);
    expect(Socket.all).toHaveLength(1);
    expect(model.line).toMatchObject({ state: 'refused', reason });
  });

  it.each([4401, 4408, 4429, 4508, 1000])('tries again after a close with %i', async code => {
    (await connect()).welcome();
    Socket.last.drop(code);
    await vi.advanceTimersByTimeAsync(500);
    expect(Socket.all).toHaveLength(2);
  });

  it('says why it gets no token', async () => {
    mint.mockRejectedValue(new TokenRefused('HTTP 404', 'missing'));
    await connect().catch(() => null);
    await vi.advanceTimersByTimeAsync(3_000);
    expect(model.line).toMatchObject({ state: 'offline', reason: 'missing' });
  });

  it('renews its token on the open connection', async () => {
    (await connect()).welcome();
    Socket.last.tell({ type: 'expiring', in_s: 30 });
    await vi.advanceTimersByTimeAsync(0);
    expect(Socket.last.sent.at(-1)).toEqual({ type: 'refresh', token: 'jwt-2' });
    expect(Socket.all).toHaveLength(1);
  });

  it('asks a silent hub for a sign of life, and leaves one that gives none', async () => {
    (await connect()).welcome();
    await vi.advanceTimersByTimeAsync(29_900);
    expect(Socket.last.sent.at(-1)?.type).not.toBe('ping');
    await vi.advanceTimersByTimeAsync(200);
    expect(Socket.last.sent.at(-1)).toEqual({ type: 'ping' });
    Socket.last.tell({ type: 'pong' });
    await vi.advanceTimersByTimeAsync(29_000);
    expect(Socket.all).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(7_000);
    expect(Socket.all[0]?.closed).toBe(true);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(Socket.all).toHaveLength(2);
  });

  it('answers a command with what the hub says, or that it cannot be asked now', async () => {
    const socket = await connect();
    await expect(connection!.command('op_1', 'cancel')).resolves.toBe('offline');
    socket.welcome();
    const accepted = connection!.command('op_1', 'cancel');
    const asked = socket.sent.at(-1)!;
    expect(asked).toMatchObject({ type: 'command', operation: 'op_1', action: 'cancel' });
    socket.tell({ type: 'command_result', request: asked.request, ok: true });
    await expect(accepted).resolves.toBeNull();
    const lost = connection!.command('op_1', 'cancel');
    socket.drop(1006);
    await expect(lost).resolves.toBe('the connection was lost');
  });

  it('reconnects after a message that is no JSON', async () => {
    vi.spyOn(console, 'warn').mockImplementation(() => {});
    (await connect()).welcome();
    Socket.last.onmessage?.(new MessageEvent('message', { data: '{' }));
    expect(Socket.last.closed).toBe(true);
    await vi.advanceTimersByTimeAsync(500);
    expect(Socket.all).toHaveLength(2);
  });

  it('stays quiet once disposed', async () => {
    const socket = await connect();
    socket.welcome();
    connection!.dispose();
    expect(socket.closed).toBe(true);
    await vi.advanceTimersByTimeAsync(120_000);
    expect(Socket.all).toHaveLength(1);
  });
});
