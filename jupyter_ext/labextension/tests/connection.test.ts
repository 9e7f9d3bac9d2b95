import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import {
  HubConnection,
  type IConnectionOptions,
  type IHubServer,
  type ISocket
} from '../src/client/connection';
import { Refused } from '../src/client/refused';
import { OperationsModel } from '../src/model';
import type { PolledInbox, StateResponse } from '../src/protocol';
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
let mint: ReturnType<typeof vi.fn<IHubServer['mint']>>;
let poll: ReturnType<typeof vi.fn<IHubServer['poll']>>;
let command: ReturnType<typeof vi.fn<IHubServer['command']>>;
let inbox: ReturnType<typeof vi.fn<IHubServer['inbox']>>;

function start(options: Partial<IConnectionOptions> = {}): HubConnection {
  connection = new HubConnection({
    model,
    client: 'test/1',
    server: { mint, poll, inbox, command, open: protocols => new Socket(protocols) },
    random: () => 1,
    ...options
  });
  return connection;
}

async function connect(options: Partial<IConnectionOptions> = {}): Promise<Socket> {
  start(options);
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
  poll = vi.fn(() => Promise.reject(new Error('no network')));
  command = vi.fn(() => Promise.resolve(null));
  inbox = vi.fn(() => Promise.reject(new Error('no network')));
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
    start();
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
    mint.mockRejectedValue(new Refused('HTTP 404', 'missing'));
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

  it('says the newest presence to each new connection, and the rest only where somebody hears it', async () => {
    const front = {
      type: 'presence',
      visible: true,
      focused: true,
      notebook: null,
      can_notify: false
    } as const;
    const socket = await connect();
    expect(connection!.say({ ...front, focused: false })).toBe(false);
    expect(connection!.say(front)).toBe(false);
    expect(connection!.say({ type: 'read', ids: 'all' })).toBe(false);
    socket.welcome();
    expect(socket.sent.map(({ type }) => type)).toEqual(['hello', 'subscribe', 'presence']);
    expect(socket.sent.at(-1)).toEqual(front);
    expect(connection!.say({ type: 'read', ids: ['n1'] })).toBe(true);
    expect(socket.sent.at(-1)).toEqual({ type: 'read', ids: ['n1'] });
    socket.drop(1006);
    await vi.advanceTimersByTimeAsync(500);
    Socket.last.welcome();
    expect(Socket.last.sent.at(-1)).toEqual(front);
  });

  it('hands on what the hub says of ends and of the inbox', async () => {
    const onNotify = vi.fn();
    const onInbox = vi.fn();
    const socket = await connect({ onNotify, onInbox });
    socket.welcome();
    const asked = { type: 'notify', id: 'n1', operations: [snapshot()] };
    const inbox = { type: 'inbox', unread: 0, items: [] };
    socket.tell(asked);
    socket.tell(inbox);
    expect(onNotify).toHaveBeenCalledExactlyOnceWith(asked);
    expect(onInbox).toHaveBeenCalledExactlyOnceWith(inbox);
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

/** An answer of the REST interface with these operations. */
function answer(revision: number, fields: Partial<StateResponse> = {}): StateResponse {
  return {
    epoch: 'e1',
    revision,
    now: 50,
    reset: false,
    more: false,
    operations: [],
    removed: [],
    inbox: null,
    ...fields
  };
}

/** How often the hub was asked by REST since the last look. */
function polls(): number {
  const count = poll.mock.calls.length;
  poll.mockClear();
  return count;
}

function setVisibility(state: 'hidden' | 'visible'): void {
  vi.spyOn(document, 'visibilityState', 'get').mockReturnValue(state);
  document.dispatchEvent(new Event('visibilitychange'));
}

describe('a connection whose WebSocket is blocked', () => {
  beforeEach(() => {
    poll.mockResolvedValue(answer(1, { reset: true, operations: [snapshot()] }));
  });

  /** Let no socket through. */
  async function block(seconds: number): Promise<void> {
    for (let tenth = 0; tenth < 10 * seconds; tenth++) {
      await vi.advanceTimersByTimeAsync(100);
      if (!Socket.last.closed) {
        Socket.last.drop(1006);
      }
    }
  }

  describe('and the inbox', () => {
    const ended = snapshot({ id: 'op_9', state: 'succeeded', hub: null });
    const onInbox = vi.fn();
    const onNotify = vi.fn();

    /** The inbox with one unread end, which nobody was told of unless the test says so. */
    function box(revision: number, { at = 49, untold = ['op_9'], unread = 1 } = {}): PolledInbox {
      const { id, name, state, origin } = ended;
      const item = { id, operation: id, name, state, origin, at, elapsed_s: 3, error: null };
      return { revision, unread, items: [{ ...item, read: unread === 0 }], untold };
    }

    beforeEach(async () => {
      onInbox.mockClear();
      onNotify.mockClear();
      vi.spyOn(performance, 'now').mockReturnValue(40_000);
      await connect({ onInbox, onNotify });
      await block(2.1);
    });

    afterEach(() => vi.mocked(performance.now).mockRestore());

    it('is told with the answers, when it changes', async () => {
      poll.mockResolvedValue(answer(2, { inbox: box(7, { untold: [] }) }));
      await block(2);
      expect(onInbox).toHaveBeenCalledExactlyOnceWith(box(7, { untold: [] }));
      poll.mockResolvedValue(answer(2));
      await block(2);
      expect(poll.mock.lastCall?.[1]).toBe(7);
      expect(inbox).not.toHaveBeenCalled();
    });

    it('tells of an end that the hub gives it to tell of, once', async () => {
      poll.mockResolvedValue(answer(2, { operations: [ended], inbox: box(7) }));
      inbox.mockResolvedValue({ tell: ['op_9'], inbox: box(8, { untold: [] }) });
      await block(2);
      expect(inbox).toHaveBeenCalledExactlyOnceWith({ read: [], tell: ['op_9'] });
      expect(onNotify.mock.calls).toMatchObject([[{ type: 'notify', operations: [ended] }]]);
      poll.mockResolvedValue(answer(2));
      await block(4);
      expect(poll.mock.lastCall?.[1]).toBe(8);
      expect(onNotify).toHaveBeenCalledOnce();
    });

    it('leaves to another page what that was given', async () => {
      poll.mockResolvedValue(answer(2, { operations: [ended], inbox: box(7) }));
      inbox.mockResolvedValue({ tell: [], inbox: box(8, { untold: [] }) });
      await block(2);
      expect(inbox).toHaveBeenCalledOnce();
      expect(onNotify).not.toHaveBeenCalled();
    });

    it.each([
      ['ended long ago', 15, 100],
      ['ended before the page was loaded', 49, 0.5]
    ])('lets wait what %s', async (_, at, loadedFor_s) => {
      vi.mocked(performance.now).mockReturnValue(loadedFor_s * 1000);
      poll.mockResolvedValue(answer(2, { operations: [ended], inbox: box(7, { at }) }));
      await block(2);
      expect(onInbox).toHaveBeenCalledOnce();
      expect(inbox).not.toHaveBeenCalled();
    });

    it('is marked by REST, and asked for anew where that failed', async () => {
      expect(connection!.say({ type: 'read', ids: ['op_9'] })).toBe(true);
      expect(inbox).toHaveBeenCalledExactlyOnceWith({ read: ['op_9'], tell: [] });
      inbox.mockResolvedValue({ tell: [], inbox: box(9, { unread: 0 }) });
      connection!.say({ type: 'read', ids: 'all' });
      await vi.advanceTimersByTimeAsync(0);
      expect(onInbox).toHaveBeenLastCalledWith(box(9, { unread: 0 }));
      inbox.mockRejectedValue(new Error('no network'));
      connection!.say({ type: 'read', ids: 'all' });
      await block(2);
      expect(poll.mock.lastCall?.[1]).toBe(0);
    });
  });

  it('asks every 2 s by REST, and says why', async () => {
    await connect();
    await block(1.9);
    expect([polls(), model.line.state]).toEqual([0, 'connecting']);
    await block(0.2);
    expect(polls()).toBe(1);
    expect(model.line).toEqual({ state: 'polling', downSince: null, reason: 'blocked' });
    expect(model.get('op_1')?.seq).toBe(1);
    await block(20);
    expect(polls()).toBe(10);
  });

  it('resumes each question where the last answer ended, and the socket where the last question did', async () => {
    await connect();
    await block(2.1);
    poll.mockResolvedValue(answer(5, { operations: [snapshot({ seq: 2 })] }));
    await block(4);
    expect(poll.mock.calls.map(([resume]) => resume)).toEqual([
      null,
      { epoch: 'e1', revision: 1 },
      { epoch: 'e1', revision: 5 }
    ]);
    while (Socket.last.closed) {
      await vi.advanceTimersByTimeAsync(100);
    }
    Socket.last.onopen?.(new Event('open'));
    expect(Socket.last.sent.at(-1)).toMatchObject({ resume: { epoch: 'e1', revision: 5 } });
  });

  it('asks on at once for an answer that is not whole, and shows it when it is', async () => {
    await connect();
    poll.mockResolvedValueOnce(
      answer(3, { reset: true, more: true, operations: [snapshot({ id: 'a' })] })
    );
    poll.mockResolvedValueOnce(answer(4, { operations: [snapshot({ id: 'b' })] }));
    await block(2);
    expect(poll.mock.calls.map(([resume]) => resume)).toEqual([null]);
    await vi.advanceTimersByTimeAsync(1);
    expect(poll.mock.calls[1]?.[0]).toEqual({ epoch: 'e1', revision: 3 });
    expect(model.list().map(({ id }) => id)).toEqual(['a', 'b']);
  });

  it('stops asking once the socket is through', async () => {
    await connect();
    await block(3);
    while (Socket.last.closed) {
      await vi.advanceTimersByTimeAsync(100);
    }
    Socket.last.welcome();
    expect(model.line).toEqual({ state: 'live', downSince: null, reason: null });
    polls();
    await vi.advanceTimersByTimeAsync(10_000);
    expect(polls()).toBe(0);
  });

  it('takes no answer any more that comes after the socket was opened', async () => {
    await connect();
    await block(2.1);
    let late: (answer: StateResponse) => void = () => {};
    poll.mockImplementation(() => new Promise(resolve => (late = resolve)));
    while (Socket.last.closed) {
      await vi.advanceTimersByTimeAsync(100);
    }
    Socket.last.onopen?.(new Event('open'));
    late(answer(9, { operations: [snapshot({ seq: 9 })] }));
    await vi.advanceTimersByTimeAsync(0);
    expect(model.get('op_1')?.seq).toBe(1);
  });

  it('does not ask while nobody looks, and at once when somebody does', async () => {
    await connect();
    await block(3);
    setVisibility('hidden');
    await block(2);
    polls();
    await block(60);
    expect(polls()).toBe(0);
    setVisibility('visible');
    expect(polls()).toBe(1);
  });

  it('passes commands on by REST', async () => {
    await connect();
    await block(3);
    await expect(connection!.command('op_1', 'cancel')).resolves.toBeNull();
    expect(command).toHaveBeenCalledExactlyOnceWith('op_1', 'cancel');
    command.mockRejectedValue(new Error('no network'));
    await expect(connection!.command('op_1', 'cancel')).resolves.toBe('offline');
  });

  it.each(['missing', 'forbidden'] as const)('says that the server refuses: %s', async reason => {
    await connect();
    await block(3);
    poll.mockRejectedValue(new Refused('no', reason));
    mint.mockRejectedValue(new Refused('no', reason));
    await block(6);
    expect(model.line).toMatchObject({ state: 'offline', reason });
  });

  it('is offline once no answer comes either, asks ever less often, and tries the socket when one does', async () => {
    await connect();
    await block(3);
    poll.mockRejectedValue(new Error('no network'));
    mint.mockRejectedValue(new Error('no network'));
    await block(6);
    expect(model.line).toMatchObject({ state: 'offline', reason: 'network' });
    await block(60);
    polls();
    await block(60);
    expect(polls()).toBeLessThanOrEqual(2);
    mint.mockResolvedValue('jwt-new');
    poll.mockResolvedValue(answer(2));
    const sockets = Socket.all.length;
    window.dispatchEvent(new Event('online'));
    await vi.advanceTimersByTimeAsync(0);
    expect(model.line.state).toBe('polling');
    expect(Socket.all).toHaveLength(sockets + 1);
  });

  it('gives up on a question that gets no answer within 5 s', async () => {
    await connect();
    poll.mockImplementation(
      (_resume, _inbox, signal) =>
        new Promise((_resolve, reject) =>
          signal.addEventListener('abort', () => reject(new Error('aborted')))
        )
    );
    await block(6.9);
    expect(model.line.state).toBe('connecting');
    await block(0.3);
    expect(model.line.state).toBe('offline');
  });
});

describe('a connection over the sleep of the machine', () => {
  /** The machine sleeps for an hour; its timers go on where they stood. */
  async function sleep(): Promise<void> {
    vi.setSystemTime(Date.now() + 3_600_000);
    await vi.advanceTimersByTimeAsync(2_000);
  }

  it('is replaced within a second where it did not survive', async () => {
    (await connect()).welcome();
    await vi.advanceTimersByTimeAsync(5_000);
    await sleep();
    expect(Socket.last.sent.at(-1)).toEqual({ type: 'ping' });
    await vi.advanceTimersByTimeAsync(1_500);
    expect(Socket.all).toHaveLength(2);
    Socket.last.onopen?.(new Event('open'));
    expect(Socket.last.sent.at(-1)).toMatchObject({ resume: { epoch: 'e1', revision: 1 } });
  });

  it('is kept where it did', async () => {
    (await connect()).welcome();
    await sleep();
    Socket.last.tell({ type: 'pong' });
    await vi.advanceTimersByTimeAsync(5_000);
    expect(Socket.all).toHaveLength(1);
    expect(model.line.state).toBe('live');
  });

  it('does not wait out a back-off, nor for an attempt from before', async () => {
    (await connect()).welcome();
    mint.mockImplementation(() => new Promise(() => {}));
    Socket.last.drop(1006);
    await vi.advanceTimersByTimeAsync(1_000);
    mint.mockResolvedValue('jwt-awake');
    await sleep();
    expect(Socket.last.protocols[1]).toBe('progress-kit.jwt.jwt-awake');
  });

  it('lets a page in the background be, whose timers the browser holds back', async () => {
    (await connect()).welcome();
    setVisibility('hidden');
    await sleep();
    expect(Socket.last.sent.at(-1)?.type).toBe('subscribe');
  });
});
