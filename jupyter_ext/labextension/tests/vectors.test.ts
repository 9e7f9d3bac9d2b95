// @vitest-environment node
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

import { SubscriberSession } from '../src/client/session';

/** The examples that both ends of the wire have to get right; pytest reads the same files. */
const VECTORS = new URL('../../../tests/vectors/', import.meta.url);

interface IVector {
  description: string;
  subscription: string;
  steps: {
    connect?: { resume: object | null };
    receive?: object;
    disconnect?: boolean;
    expect?: { view: Record<string, number>; synced: boolean; resume: object | null };
  }[];
}

const files = readdirSync(VECTORS).filter(name => /^subscriber_.*\.json$/.test(name));

describe('the shared vectors of a subscriber', () => {
  it('are there', () => {
    expect(files.length).toBeGreaterThan(5);
  });

  it.each(files)('%s', file => {
    const vector = JSON.parse(readFileSync(new URL(file, VECTORS), 'utf8')) as IVector;
    const session = new SubscriberSession('test/1', vector.subscription);
    for (const step of vector.steps) {
      if (step.connect !== undefined) {
        const { resume } = step.connect;
        expect(session.opened('t')).toEqual([
          { do: 'send', message: expect.objectContaining({ type: 'hello', token: 't' }) as object },
          {
            do: 'send',
            message: {
              type: 'subscribe',
              id: vector.subscription,
              ...(resume === null ? {} : { resume })
            }
          }
        ]);
      }
      if (step.receive !== undefined) {
        session.received(JSON.stringify(step.receive));
      }
      if (step.disconnect === true) {
        session.closed();
      }
      if (step.expect !== undefined) {
        const view = Object.fromEntries([...session.view].map(([id, { seq }]) => [id, seq]));
        expect({ view, synced: session.synced, resume: session.resume }).toEqual(step.expect);
      }
    }
  });
});
