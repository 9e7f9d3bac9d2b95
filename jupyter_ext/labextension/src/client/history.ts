import type { HistoryResponse, KindsResponse, Snapshot, TasksResponse } from '../protocol';

/** A request to the hub's REST interface, `path` below `progress-kit/api/`. */
export type RestRequest = (path: string, init?: RequestInit) => Promise<Response>;

/** Which runs, at most how many in one answer, and after which page: `before` is the `next` of the page before. */
export interface IHistoryQuery {
  readonly kind?: string | undefined;
  readonly limit?: number | undefined;
  readonly before?: string | undefined;
}

/** The most runs that the server gives in one answer. */
export const PAGE = 500;

/** The server did not do what it was asked for. The message says what, for a person. */
export class HistoryError extends Error {}

/** One page of what has ended, newest first. */
export async function historyPage(
  request: RestRequest,
  query: IHistoryQuery
): Promise<HistoryResponse> {
  const filled = Object.entries(query).filter(([, value]) => value !== undefined);
  const search = new URLSearchParams(filled.map(([name, value]) => [name, String(value)]));
  return (await asked(request, `history?${search}`)).json() as Promise<HistoryResponse>;
}

/** Everything that has ended, page by page, newest first. */
export async function* everyPage(
  request: RestRequest,
  query: IHistoryQuery = {}
): AsyncGenerator<Snapshot[]> {
  let { before } = query;
  do {
    const page = await historyPage(request, { limit: PAGE, ...query, before });
    yield page.items;
    before = page.next ?? undefined;
  } while (before !== undefined);
}

/** The kinds that have runs, the one that ran last first. */
export async function kindsOf(request: RestRequest): Promise<KindsResponse> {
  return (await asked(request, 'kinds')).json() as Promise<KindsResponse>;
}

/** One run, whole. */
export async function operationOf(request: RestRequest, id: string): Promise<Snapshot> {
  return (await asked(request, path(id))).json() as Promise<Snapshot>;
}

/** The tasks of one run, its timeline, and how its estimate went. */
export async function tasksOf(request: RestRequest, id: string): Promise<TasksResponse> {
  const response = await asked(request, `${path(id)}/tasks`);
  const { items, spans, estimates } = (await response.json()) as Partial<TasksResponse>;
  return { items: items ?? [], spans: spans ?? [], estimates: estimates ?? [] };
}

/** Delete one run for good. */
export async function deleteRun(request: RestRequest, id: string): Promise<void> {
  await asked(request, path(id), { method: 'DELETE' });
}

/** Delete all runs of a kind for good. */
export async function deleteKind(request: RestRequest, kind: string): Promise<void> {
  await asked(request, `history?${new URLSearchParams({ kind })}`, { method: 'DELETE' });
}

function path(id: string): string {
  return `operations/${encodeURIComponent(id)}`;
}

async function asked(
  request: RestRequest,
  path: string,
  init: RequestInit = { method: 'GET' }
): Promise<Response> {
  const response = await request(path, init);
  if (!response.ok) {
    throw new HistoryError(await reasonOf(response));
  }
  return response;
}

async function reasonOf(response: Response): Promise<string> {
  const status = `HTTP ${response.status}`;
  try {
    const body = (await response.json()) as { error?: { message?: string } | null };
    return body.error?.message ? `${body.error.message} (${status})` : status;
  } catch {
    return status;
  }
}
