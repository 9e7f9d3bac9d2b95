import { describe, expect, it } from 'vitest';

import { type Effect, SubscriberSession } from '../src/client/session';
import type { ClientMessage, Snapshot } from '../src/protocol';
import { snapshot } from './snapshots';

const WELCOME = {
  type: 'welcome',
  epoch: 'e1',
  revision: 7,
  now: 100,
  user: 'local',
  scopes: ['subscribe', 'command'],
  token_expires_in_s: 300,
  lease_s: 15,
  ping_s: 20,
  limits: {}
};

function state(fields: object): string {
  return JSON.stringify({
    type: 'state',
    subscription: 'all',
    epoch: 'e1',
    revision: 7,
    now: 100,
    reset: false,
    more: false,
    operations: [],
    removed: [],
    ...fields
  });
}

function sent(effects: Effect[]): ClientMessage[] {
  return effects.flatMap(effect => (effect.do === 'send' ? [effect.message] : []));
}

function op(id: string, seq = 1): Snapshot {
  return snapshot({ id, seq });
}

function connected(): SubscriberSession {
  const session = new SubscriberSession('test/1');
  session.opened('t');
  session.received(JSON.stringify(WELCOME));
  session.received(state({ reset: true, operations: [op('a'), op('b')] }));
  return session;
}

describe('a subscriber session', () => {
  it('says hello with its token first, then asks for everything', () => {
    const session = new SubscriberSession('test/1');
    expect(sent(session.opened('secret'))).toEqual([
      { type: 'hello', token: 'secret', client: 'test/1', publisher: null },
      { type: 'subscribe', id: 'all' }
    ]);
    expect(session.synced).toBe(false);
  });

  it('holds what the hub told', () => {
    const session = connected();
    expect([...session.view.keys()]).toEqual(['a', 'b']);
    expect(session.resume).toEqual({ epoch: 'e1', revision: 7 });
    expect(session.synced).toBe(true);
  });

  it('resumes after a lost line from the revision that it has', () => {
    const session = connected();
    session.closed();
    expect(session.synced).toBe(false);
    expect(sent(session.opened('t2'))).toContainEqual({
      type: 'subscribe',
      id: 'all',
      resume: { epoch: 'e1', revision: 7 }
    });
    session.received(state({ revision: 9, operations: [op('b', 2)], removed: ['a'] }));
    expect([...session.view.keys()]).toEqual(['b']);
    expect(session.resume?.revision).toBe(9);
  });

  it('forgets on reset what the hub does not name again', () => {
    const session = connected();
    const effects = session.received(
      state({ epoch: 'e2', revision: 3, reset: true, operations: [op('b', 1), op('c')] })
    );
    expect([...session.view.keys()]).toEqual(['b', 'c']);
    expect(session.resume).toEqual({ epoch: 'e2', revision: 3 });
    expect(effects).toContainEqual(expect.objectContaining({ do: 'swap', removed: ['a'] }));
  });

  it('shows an answer of several frames only when it is complete', () => {
    const session = connected();
    session.received(state({ revision: 8, more: true, operations: [op('a', 2)] }));
    expect(session.view.get('a')?.seq).toBe(1);
    expect(session.resume?.revision).toBe(7);
    session.received(state({ revision: 9, operations: [op('b', 2)] }));
    expect([session.view.get('a')?.seq, session.view.get('b')?.seq]).toEqual([2, 2]);
    expect(session.resume?.revision).toBe(9);
  });

  it('throws away half an answer when the line drops', () => {
    const session = connected();
    session.received(state({ revision: 8, more: true, reset: true, operations: [op('z')] }));
    session.closed();
    session.opened('t2');
    session.received(JSON.stringify(WELCOME));
    session.received(state({ revision: 9, operations: [op('c')] }));
    expect([...session.view.keys()]).toEqual(['a', 'b', 'c']);
  });

  it('takes an operation that was removed and came back in one answer', () => {
    const session = connected();
    session.received(state({ revision: 8, more: true, removed: ['a'] }));
    session.received(state({ revision: 9, operations: [op('a', 5)] }));
    expect(session.view.get('a')?.seq).toBe(5);
  });

  it('ignores a frame that is older than what it has', () => {
    const session = connected();
    session.received(state({ revision: 9, operations: [op('a', 4)] }));
    session.received(state({ revision: 8, operations: [op('a', 3)], removed: ['b'] }));
    expect(session.view.get('a')?.seq).toBe(4);
    expect(session.view.has('b')).toBe(true);
  });

  it('never lets an older snapshot replace a newer one', () => {
    const session = connected();
    session.received(state({ revision: 8, operations: [op('a', 4)] }));
    session.received(state({ revision: 9, operations: [op('a', 2)] }));
    expect(session.view.get('a')?.seq).toBe(4);
  });

  it('ignores changes to a state that it does not have', () => {
    const session = connected();
    session.received(state({ epoch: 'e2', revision: 50, operations: [op('z')] }));
    expect(session.view.has('z')).toBe(false);
    expect(session.resume?.epoch).toBe('e1');
  });

  it('moves its resume point with a bookmark', () => {
    const session = connected();
    session.received(JSON.stringify({ type: 'bookmark', epoch: 'e1', revision: 12, now: 1 }));
    expect(session.resume?.revision).toBe(12);
    session.received(JSON.stringify({ type: 'bookmark', epoch: 'e2', revision: 99, now: 1 }));
    expect(session.resume?.revision).toBe(12);
  });

  it('answers a ping, asks for a new token before the old one ends, and ignores the unknown', () => {
    const session = connected();
    expect(sent(session.received('{"type":"ping"}'))).toEqual([{ type: 'pong' }]);
    expect(session.received('{"type":"expiring","in_s":30}')).toEqual([{ do: 'renew' }]);
    expect(sent(session.renewed('t2'))).toEqual([{ type: 'refresh', token: 't2' }]);
    expect(session.received('{"type":"fanfare","loud":true}')).toEqual([]);
  });

  it('tells how a command was received', () => {
    const session = connected();
    expect(sent(session.command('c1', 'a', 'cancel'))).toEqual([
      { type: 'command', request: 'c1', operation: 'a', action: 'cancel' }
    ]);
    expect(session.received('{"type":"command_result","request":"c1","ok":true}')).toEqual([
      { do: 'settle', request: 'c1', error: null }
    ]);
    session.command('c2', 'a', 'cancel');
    expect(
      session.received(
        '{"type":"error","code":"not_found","message":"no such operation","request":"c2","retry_after_s":null}'
      )
    ).toEqual([{ do: 'settle', request: 'c2', error: 'no such operation' }]);
    session.command('c3', 'a', 'cancel');
    expect(session.closed()).toEqual([
      { do: 'settle', request: 'c3', error: 'the connection was lost' }
    ]);
  });
});
