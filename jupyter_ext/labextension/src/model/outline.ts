import { isTerminal, type Origin, type Snapshot } from '../protocol';

/** By what a person looks for an operation. `other` is a state that a newer hub may know. */
export type Category =
  'running' | 'paused' | 'pending' | 'failed' | 'lost' | 'cancelled' | 'succeeded' | 'other';

/** In the order in which they are offered. */
export const CATEGORIES: readonly Category[] = [
  'running',
  'paused',
  'pending',
  'succeeded',
  'failed',
  'cancelled',
  'lost',
  'other'
];

/** What a person wants to see. */
export interface IView {
  /** Words that all have to be in an operation's name, kind, place or error. */
  readonly search: string;
  /** Only these; none means all. */
  readonly categories: ReadonlySet<Category>;
  /** Keys of groups whose operations are folded away. */
  readonly collapsed: ReadonlySet<string>;
  /** Ids of operations whose details are open. */
  readonly expanded: ReadonlySet<string>;
  /** Ids of operations that were put away. */
  readonly dismissed: ReadonlySet<string>;
}

/** A notebook, a script, or a process without a name. */
export interface IGroupRow {
  readonly kind: 'group';
  readonly key: string;
  readonly origin: Origin;
  /** The shortest end of the path that no other group has; null for a process. */
  readonly name: string | null;
  readonly total: number;
  /** How many of its operations there are of each category. */
  readonly counts: ReadonlyMap<Category, number>;
  readonly collapsed: boolean;
}

export interface IOperationRow {
  readonly kind: 'operation';
  readonly key: string;
  /** 1 in a group, 2 below a parent, and so on. */
  readonly level: number;
  /** How many operations name it as their parent. */
  readonly children: number;
  /** Whether the row above, the row below are of the same cell. */
  readonly joinsAbove: boolean;
  readonly joinsBelow: boolean;
}

export type Row = IGroupRow | IOperationRow;

export interface IOutline {
  readonly rows: readonly Row[];
  /** How many operations that match the search there are of each category. */
  readonly counts: ReadonlyMap<Category, number>;
  /** How many operations there are at all that were not put away. */
  readonly known: number;
}

export function categoryOf(snapshot: Snapshot): Category {
  const { state, error, hub } = snapshot;
  if (error?.type === 'Lost' || (!isTerminal(state) && hub?.lease === 'lost')) {
    return 'lost';
  }
  return CATEGORIES.includes(state) ? state : 'other';
}

/** Whether an operation can be told to still go on. */
function isLive(snapshot: Snapshot): boolean {
  return !isTerminal(snapshot.state) && snapshot.hub?.lease !== 'lost';
}

/** Which operations are shown, in which order: grouped by where they run, what is live first, children below parents. */
export function outline(operations: readonly Snapshot[], view: IView): IOutline {
  const counts = new Map<Category, number>();
  const shown: Snapshot[] = [];
  let known = 0;
  const words = view.search.toLowerCase().split(/\s+/).filter(Boolean);
  for (const operation of operations) {
    if (view.dismissed.has(operation.id) && isTerminal(operation.state)) {
      continue;
    }
    known++;
    if (words.length > 0 && !matches(operation, words)) {
      continue;
    }
    const category = categoryOf(operation);
    counts.set(category, (counts.get(category) ?? 0) + 1);
    if (view.categories.size === 0 || view.categories.has(category)) {
      shown.push(operation);
    }
  }
  shown.sort(liveThenNewest);
  return { rows: rowsOf(shown, view), counts, known };
}

/** Whether an outline stays as it is when `after` replaces `before`: all but what decides where a row stands. */
export function sameShape(before: Snapshot, after: Snapshot): boolean {
  return (
    before.state === after.state &&
    before.name === after.name &&
    before.parent === after.parent &&
    before.started_at === after.started_at &&
    (before.hub?.lease === 'lost') === (after.hub?.lease === 'lost') &&
    groupOf(before.origin) === groupOf(after.origin) &&
    before.origin.cell_id === after.origin.cell_id
  );
}

function rowsOf(shown: readonly Snapshot[], view: IView): Row[] {
  const parents = new Map(shown.map(({ id, parent }) => [id, parent]));
  const rooted = new Set<string>();
  const children = new Map<string, Snapshot[]>();
  const groups = new Map<string, Snapshot[]>();
  for (const operation of shown) {
    const { parent, id, origin } = operation;
    // A publisher that names itself, or its own child, as its parent shall not make it vanish.
    const nested = parent !== null && parents.has(parent) && isRooted(id, parents, rooted);
    push(nested ? children : groups, nested ? parent : groupOf(origin), operation);
  }
  const names = shortest(shown.map(({ origin }) => pathOf(origin)));
  const rows: Row[] = [];
  for (const [key, members] of groups) {
    const [first] = members;
    if (first === undefined) {
      continue;
    }
    const { origin } = first;
    const collapsed = view.collapsed.has(key);
    const path = pathOf(origin);
    rows.push({
      kind: 'group',
      key,
      origin,
      name: path === null ? null : (names.get(path) ?? path),
      total: members.length,
      counts: countsOf(members),
      collapsed
    });
    if (!collapsed) {
      for (const block of blocksOf(members)) {
        block.forEach((operation, index) => {
          const joins = { joinsAbove: index > 0, joinsBelow: index < block.length - 1 };
          addOperation(rows, operation, 1, joins, children, view);
        });
      }
    }
  }
  return rows;
}

/** An operation and, below it, its children: those that are live, and all where its details are open. */
function addOperation(
  rows: Row[],
  operation: Snapshot,
  level: number,
  joins: Pick<IOperationRow, 'joinsAbove' | 'joinsBelow'>,
  children: ReadonlyMap<string, Snapshot[]>,
  view: IView
): void {
  const own = children.get(operation.id) ?? [];
  rows.push({ kind: 'operation', key: operation.id, level, children: own.length, ...joins });
  for (const child of own) {
    if (isLive(child) || view.expanded.has(operation.id)) {
      addOperation(rows, child, level + 1, APART, children, view);
    }
  }
}

function countsOf(members: readonly Snapshot[]): Map<Category, number> {
  const counts = new Map<Category, number>();
  for (const member of members) {
    const category = categoryOf(member);
    counts.set(category, (counts.get(category) ?? 0) + 1);
  }
  return counts;
}

const APART = { joinsAbove: false, joinsBelow: false };

/** Operations of one cell stand together, where its first one would. */
function blocksOf(members: readonly Snapshot[]): Iterable<Snapshot[]> {
  const blocks = new Map<string, Snapshot[]>();
  for (const operation of members) {
    const { kernel_id, cell_id } = operation.origin;
    const cell = cell_id === null ? operation.id : `${kernel_id}/${cell_id}/${isLive(operation)}`;
    push(blocks, cell, operation);
  }
  return blocks.values();
}

function groupOf({ notebook, script, host, pid, kernel_id }: Origin): string {
  if (notebook !== null) {
    return `notebook ${notebook}`;
  }
  return script === null ? `process ${host} ${pid ?? kernel_id}` : `script ${host} ${script}`;
}

export function pathOf({ notebook, script }: Origin): string | null {
  return notebook ?? script;
}

/** For each path the shortest end of it that is no end of another: `a/run.py` and `b/run.py`, but `only.py`. */
function shortest(paths: readonly (string | null)[]): Map<string, string> {
  const parts = new Map<string, string[]>();
  for (const path of paths) {
    if (path !== null) {
      parts.set(path, path.split(/[/\\]/).filter(Boolean));
    }
  }
  const owners = new Map<string, number>();
  const last = (of: string[], count: number): string => of.slice(-count).join('/');
  for (const own of parts.values()) {
    for (let count = 1; count <= own.length; count++) {
      const end = last(own, count);
      owners.set(end, (owners.get(end) ?? 0) + 1);
    }
  }
  const names = new Map<string, string>();
  for (const [path, own] of parts) {
    let count = 1;
    while (count < own.length && (owners.get(last(own, count)) ?? 0) > 1) {
      count++;
    }
    names.set(path, last(own, count) || path);
  }
  return names;
}

function matches(operation: Snapshot, words: readonly string[]): boolean {
  const { name, kind, origin, error } = operation;
  const text = [name, kind, pathOf(origin), origin.host, error?.type, error?.message]
    .filter(Boolean)
    .join('\n')
    .toLowerCase();
  return words.every(word => text.includes(word));
}

/**
 * Whether what is above an operation ends somewhere, and does not go round in a circle. `rooted` is what is known to,
 * so that a long line of descendants is gone through once.
 */
function isRooted(
  id: string,
  parents: ReadonlyMap<string, string | null>,
  rooted: Set<string>
): boolean {
  const path = new Set<string>();
  let at: string | null = id;
  while (at !== null && !rooted.has(at)) {
    if (path.has(at)) {
      return false;
    }
    path.add(at);
    at = parents.get(at) ?? null;
  }
  path.forEach(each => rooted.add(each));
  return true;
}

function liveThenNewest(a: Snapshot, b: Snapshot): number {
  return Number(isLive(b)) - Number(isLive(a)) || begun(b) - begun(a) || (a.id < b.id ? -1 : 1);
}

function begun(snapshot: Snapshot): number {
  return snapshot.started_at ?? snapshot.hub?.first_seen_at ?? 0;
}

function push<K>(map: Map<K, Snapshot[]>, key: K, snapshot: Snapshot): void {
  const members = map.get(key);
  if (members === undefined) {
    map.set(key, [snapshot]);
  } else {
    members.push(snapshot);
  }
}
