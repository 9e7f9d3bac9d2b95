/* Generated from progress_kit/protocol/progress-kit.v1.schema.json by `npm run types`; do not edit. */

export type Wire = ClientMessage | HubMessage | OperationBundle;
export type ClientMessage =
  Hello | Publish | Heartbeat | Subscribe | Unsubscribe | Command | CommandResult | Refresh | Ping | Pong;
export type HubMessage = Welcome | Ack | State | Bookmark | Command | CommandResult | Expiring | Error | Ping | Pong;

/**
 * The first frame of every client. `client` is ``name/version``.
 */
export interface Hello {
  type: 'hello';
  token: string;
  client: string;
  publisher: PublisherInfo | null;
}
/**
 * Says that a connection publishes, and for which session (one life of one process).
 */
export interface PublisherInfo {
  /**
   * An operation's, task's or session's id.
   */
  session: string;
}
/**
 * Snapshots of a publisher's operations; idempotent by (session, operation, seq).
 */
export interface Publish {
  type: 'publish';
  operations: Snapshot[];
}
/**
 * The whole state of one operation at one moment; `seq` counts the snapshots of this operation.
 */
export interface Snapshot {
  /**
   * An operation's, task's or session's id.
   */
  id: string;
  name: string;
  state: 'cancelled' | 'failed' | 'paused' | 'pending' | 'running' | 'succeeded';
  seq: number;
  kind: string | null;
  stage: string | null;
  fraction: number | null;
  message: string;
  /**
   * @maxItems 64
   */
  stages: Stage[];
  /**
   * @maxItems 64
   */
  tasks: Task[];
  tasks_omitted: number;
  estimate: Estimate | null;
  metrics: {
    [k: string]: number | null;
  };
  error: Failure | null;
  ended_early: boolean;
  parent: string | null;
  /**
   * @maxItems 3
   */
  actions: ('cancel' | 'pause' | 'resume')[];
  notify: Notify;
  started_at: number | null;
  elapsed_s: number | null;
  paused_s: number;
  ended_at: number | null;
  origin: Origin;
  hub: HubInfo | null;
}
/**
 * A named part of an operation. `weight`: its share of the whole, relative to the others; `rate`: units per s.
 */
export interface Stage {
  name: string;
  state: 'cancelled' | 'failed' | 'paused' | 'pending' | 'running' | 'skipped' | 'succeeded';
  weight: number;
  done: number;
  total: number | null;
  unit: string;
  rate: number | null;
  message: string;
  started_s: number | null;
  elapsed_s: number | null;
  /**
   * @maxItems 16
   */
  counters: Counter[];
  tasks: TaskCounts | null;
}
/**
 * A nested count inside a stage, such as the rows of the file that is being read.
 */
export interface Counter {
  name: string;
  done: number;
  total: number | null;
  unit: string;
}
/**
 * How many tasks of a stage are in each state.
 */
export interface TaskCounts {
  pending: number;
  running: number;
  paused: number;
  succeeded: number;
  failed: number;
  cancelled: number;
  skipped: number;
  abandoned: number;
}
/**
 * One item of parallel work; a snapshot lists only those that run and the newest that failed.
 */
export interface Task {
  /**
   * An operation's, task's or session's id.
   */
  id: string;
  stage: string;
  name: string;
  state: 'abandoned' | 'cancelled' | 'failed' | 'paused' | 'pending' | 'running' | 'skipped' | 'succeeded';
  attempt: number;
  worker: string | null;
  done: number;
  total: number | null;
  unit: string;
  cost: number | null;
  started_s: number | null;
  elapsed_s: number | null;
  error: Failure | null;
}
/**
 * Why something failed: the exception's type and its text.
 */
export interface Failure {
  type: string;
  message: string;
}
/**
 * Remaining seconds as quantiles, and their basis. `p10_s` and `p90_s` are None where only a point is known.
 */
export interface Estimate {
  p10_s: number | null;
  p50_s: number;
  p90_s: number | null;
  /**
   * @maxItems 4
   */
  basis: ('cost' | 'history' | 'rate' | 'workers')[];
  slowdown: number | null;
  why: string;
}
/**
 * When the end of an operation is announced; `after_s` belongs to ``longer``.
 */
export interface Notify {
  when: 'always' | 'default' | 'failure' | 'longer' | 'never';
  after_s: number | null;
}
/**
 * Where an operation runs.
 */
export interface Origin {
  host: string | null;
  pid: number | null;
  kernel_id: string | null;
  notebook: string | null;
  cell_id: string | null;
  script: string | null;
}
/**
 * What the hub adds to a snapshot: its belief, not the publisher's word.
 */
export interface HubInfo {
  lease: 'lost' | 'ok' | 'stale';
  first_seen_at: number;
  changed_at: number;
  via: 'iopub' | 'rest' | 'server' | 'spool' | 'websocket';
  owner: string;
  stored: boolean;
}
/**
 * Renews the leases of all open operations of this publisher.
 */
export interface Heartbeat {
  type: 'heartbeat';
}
/**
 * Asks for the operations that match `filter`, from `resume` on where that is still possible.
 */
export interface Subscribe {
  type: 'subscribe';
  /**
   * An operation's, task's or session's id.
   */
  id: string;
  filter?: Filter;
  max_rate_hz?: number | null;
  resume?: ResumePoint | null;
}
/**
 * Which operations a subscription wants; None means any. `history` adds those that are no longer live.
 */
export interface Filter {
  operations?: string[] | null;
  kinds?: string[] | null;
  notebook?: string | null;
  states?: ('cancelled' | 'failed' | 'paused' | 'pending' | 'running' | 'succeeded')[] | null;
  history?: boolean;
}
/**
 * What a subscriber already has: everything up to `revision` of the hub's life `epoch`.
 */
export interface ResumePoint {
  /**
   * An operation's, task's or session's id.
   */
  epoch: string;
  revision: number;
}
/**
 * Ends one subscription.
 */
export interface Unsubscribe {
  type: 'unsubscribe';
  /**
   * An operation's, task's or session's id.
   */
  id: string;
}
/**
 * Asks an operation to do something; the hub forwards it to the publisher with `by`, the asker's `sub`.
 */
export interface Command {
  type: 'command';
  /**
   * An operation's, task's or session's id.
   */
  request: string;
  /**
   * An operation's, task's or session's id.
   */
  operation: string;
  action: 'cancel' | 'pause' | 'resume';
  reason?: string | null;
  by?: string | null;
}
/**
 * Whether a command was accepted; the operation's state tells the rest.
 */
export interface CommandResult {
  type: 'command_result';
  /**
   * An operation's, task's or session's id.
   */
  request: string;
  ok: boolean;
  error?: string | null;
}
/**
 * A newer token of the same subject; the connection lives on with its scopes.
 */
export interface Refresh {
  type: 'refresh';
  token: string;
}
/**
 * Asks the peer for a sign of life (browsers cannot send WebSocket pings).
 */
export interface Ping {
  type: 'ping';
}
/**
 * Answers a ping.
 */
export interface Pong {
  type: 'pong';
}
/**
 * The hub's answer to `hello`. `known` (to publishers only): the last `seq` of each operation of the session.
 */
export interface Welcome {
  type: 'welcome';
  /**
   * An operation's, task's or session's id.
   */
  epoch: string;
  revision: number;
  now: number;
  user: string;
  scopes: ('command' | 'publish' | 'subscribe')[];
  token_expires_in_s: number;
  lease_s: number;
  ping_s: number;
  limits: {
    [k: string]: number;
  };
  known: {
    [k: string]: number;
  } | null;
}
/**
 * Which terminal snapshots are stored: operation → seq.
 */
export interface Ack {
  type: 'ack';
  durable: {
    [k: string]: number;
  };
}
/**
 * What changed for one subscription. The view is swapped when `more` is false; `reset` empties it first.
 */
export interface State {
  type: 'state';
  /**
   * An operation's, task's or session's id.
   */
  subscription: string;
  /**
   * An operation's, task's or session's id.
   */
  epoch: string;
  revision: number;
  now: number;
  reset: boolean;
  more: boolean;
  operations: Snapshot[];
  removed: string[];
}
/**
 * Nothing changed up to `revision`: an idle subscriber's resume point stays valid.
 */
export interface Bookmark {
  type: 'bookmark';
  /**
   * An operation's, task's or session's id.
   */
  epoch: string;
  revision: number;
  now: number;
}
/**
 * The connection's token expires in `in_s` seconds; send `refresh`.
 */
export interface Expiring {
  type: 'expiring';
  in_s: number;
}
/**
 * Something was refused. Never echoes input or tokens.
 */
export interface Error {
  type: 'error';
  code:
    | 'bad_request'
    | 'forbidden'
    | 'limit'
    | 'not_found'
    | 'rate'
    | 'stale_seq'
    | 'storage'
    | 'terminal'
    | 'too_large'
    | 'unauthenticated'
    | 'unsupported';
  message: string;
  request: string | null;
  retry_after_s: number | null;
}
/**
 * What a notebook's output carries: which operation it shows, at which hub, and its last known state.
 */
export interface OperationBundle {
  version: number;
  /**
   * An operation's, task's or session's id.
   */
  operation: string;
  hub_id: string | null;
  snapshot: Snapshot;
}
