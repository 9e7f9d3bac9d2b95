import { beforeEach, describe, expect, it, vi } from 'vitest';

import { Priors } from '../src/client';
import type { Prior } from '../src/protocol';
import { snapshot } from './snapshots';

const PRIOR: Prior = { runs: 3, total_s: [50, 60, 90], stages: [] };

let request: ReturnType<typeof vi.fn<(path: string) => Promise<Response>>>;
let priors: Priors;

function answer(status: number, body?: unknown): Promise<Response> {
  return Promise.resolve(
    new Response(body === undefined ? null : JSON.stringify(body), { status })
  );
}

beforeEach(() => {
  request = vi.fn(() => answer(200, PRIOR));
  priors = new Priors(request);
});

describe('what earlier runs took', () => {
  it('is asked for once', async () => {
    const [first, second] = await Promise.all([
      priors.get('train@a/b.py:main'),
      priors.get('train@a/b.py:main')
    ]);
    expect([first, second]).toEqual([PRIOR, PRIOR]);
    expect(request).toHaveBeenCalledExactlyOnceWith('priors/train%40a%2Fb.py%3Amain');
  });

  it('is null for a kind that never ran', async () => {
    request.mockImplementation(() => answer(204));
    await expect(priors.get('new')).resolves.toBeNull();
  });

  it('is asked for again after a run of that kind has ended, and only then', async () => {
    await priors.get('train');
    priors.heard(snapshot({ kind: 'train' }));
    priors.heard(snapshot({ id: 'old', kind: 'train', state: 'succeeded' }));
    priors.heard(snapshot({ id: 'other', kind: 'test' }));
    priors.heard(snapshot({ id: 'other', kind: 'test', state: 'failed' }));
    await priors.get('train');
    expect(request).toHaveBeenCalledTimes(1);
    priors.heard(snapshot({ kind: 'train', state: 'succeeded' }));
    await priors.get('train');
    expect(request).toHaveBeenCalledTimes(2);
  });

  it('is asked for again when the server could not tell', async () => {
    request.mockImplementationOnce(() => answer(503));
    await expect(priors.get('train')).rejects.toThrow('HTTP 503');
    await expect(priors.get('train')).resolves.toEqual(PRIOR);
  });
});
