// @vitest-environment node
import { describe, expect, it } from 'vitest';

import {
  deleteKind,
  deleteRun,
  everyPage,
  historyPage,
  HistoryReader,
  type RestRequest,
  tasksOf
} from '../src/client';
import { RunList } from '../src/model';
import type { Snapshot } from '../src/protocol';
import { snapshot } from './snapshots';

/** A server with `total` runs, of kinds `even` and `odd`; `asked` is what it was asked, `broken` its next answer. */
class Server {
  constructor(readonly total: number) {}

  readonly asked: string[] = [];
  broken: Response | null = null;

  readonly request: RestRequest = (path, init) => {
    this.asked.push(`${init?.method ?? 'GET'} ${path}`);
    const { broken } = this;
    this.broken = null;
    return Promise.resolve(broken ?? this._answer(new URL(path, 'http://h/')));
  };

  private _answer({ pathname, searchParams }: URL): Response {
    if (pathname === '/kinds') {
      const half = this.total / 2;
      return Response.json({ items: ['even', 'odd'].map(kind => ({ kind, runs: half })) });
    }
    const kind = searchParams.get('kind');
    const from = Number(searchParams.get('before') ?? 0);
    const all = this._runs().filter(run => kind === null || run.kind === kind);
    const to = from + Number(searchParams.get('limit'));
    return Response.json({
      items: all.slice(from, to),
      next: to < all.length ? String(to) : null
    });
  }

  private _runs(): Snapshot[] {
    return Array.from({ length: this.total }, (_, place) =>
      snapshot({ id: `op_${place}`, state: 'succeeded', kind: place % 2 === 0 ? 'even' : 'odd' })
    );
  }
}

describe('the REST interface', () => {
  it('is asked for a page with what is known of the query', async () => {
    const server = new Server(1);
    await historyPage(server.request, { kind: 'a&b c', limit: 10, before: undefined });
    expect(server.asked).toEqual(['GET history?kind=a%26b+c&limit=10']);
  });

  it('gives everything page by page', async () => {
    const sizes: number[] = [];
    for await (const page of everyPage(new Server(1_100).request)) {
      sizes.push(page.length);
    }
    expect(sizes).toEqual([500, 500, 100]);
  });

  it('deletes one run, or all of a kind', async () => {
    const server = new Server(0);
    await deleteRun(server.request, 'op_1');
    await deleteKind(server.request, 'a b');
    expect(server.asked).toEqual(['DELETE operations/op_1', 'DELETE history?kind=a+b']);
  });

  it('says in words what the server refused', async () => {
    const server = new Server(0);
    server.broken = Response.json({ error: { message: 'it still runs' } }, { status: 409 });
    await expect(deleteRun(server.request, 'a')).rejects.toThrow('it still runs (HTTP 409)');
    server.broken = new Response('<html>', { status: 502 });
    await expect(deleteRun(server.request, 'a')).rejects.toThrow('HTTP 502');
  });

  it('knows neither timeline nor estimates of an older server', async () => {
    const request = () => Promise.resolve(Response.json({ items: [] }));
    expect(await tasksOf(request, 'op_1')).toEqual({ items: [], spans: [], estimates: [] });
  });
});

describe('the reader', () => {
  const read = (server: Server) => {
    const list = new RunList();
    return { list, reader: new HistoryReader(server.request, list) };
  };

  it('reads a small page first, then larger ones, and knows when that was all', async () => {
    const { list, reader } = read(new Server(700));
    const sizes: [number, boolean][] = [];
    for (let time = 0; time < 4; time++) {
      await reader.more();
      sizes.push([list.runs.length, list.reading.complete]);
    }
    expect(sizes).toEqual([
      [100, false],
      [600, false],
      [700, true],
      [700, true]
    ]);
  });

  it('reads everything, one page after the other however often it is asked', async () => {
    const server = new Server(10_000);
    const { list, reader } = read(server);
    await Promise.all([reader.more(), reader.all(), reader.all()]);
    expect(list.runs).toHaveLength(10_000);
    expect(server.asked.filter(path => path.startsWith('GET history'))).toHaveLength(21);
  });

  it('reads the runs of one kind alone, once', async () => {
    const server = new Server(3_000);
    const { list, reader } = read(server);
    await reader.more();
    await reader.kind('odd');
    const asked = server.asked.length;
    await reader.kind('odd');
    expect(list.runs.filter(({ kind }) => kind === 'odd')).toHaveLength(1_500);
    expect(server.asked).toHaveLength(asked);
  });

  it('says what went wrong, and goes on from there when asked again', async () => {
    const server = new Server(300);
    const { list, reader } = read(server);
    await reader.more();
    server.broken = new Response('', { status: 503 });
    await reader.more();
    expect(list.reading).toEqual({ busy: false, complete: false, error: 'HTTP 503' });
    await reader.more();
    expect(list.reading).toEqual({ busy: false, complete: true, error: null });
    expect(list.runs).toHaveLength(300);
  });

  it('adds what is new when it starts again, or takes away what is gone', async () => {
    const { list, reader } = read(new Server(5));
    list.add([snapshot({ id: 'gone', state: 'succeeded' })]);
    await reader.restart(false);
    expect(list.has('gone')).toBe(true);
    await reader.restart(true);
    expect(list.has('gone')).toBe(false);
    expect(list.runs).toHaveLength(5);
  });

  it('asks for nothing after its end', async () => {
    const server = new Server(5);
    const { reader } = read(server);
    reader.dispose();
    await reader.all();
    expect(server.asked).toEqual([]);
  });
});
