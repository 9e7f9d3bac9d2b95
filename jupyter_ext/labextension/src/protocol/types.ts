/* Generated from progress_kit/protocol/progress-kit.v1.schema.json by `npm run types`; do not edit. */

export type Wire =
  | Ack
  | Bookmark
  | Command
  | CommandAnswer
  | CommandRequest
  | CommandResponse
  | CommandResult
  | Counter
  | DeletedResponse
  | Demand
  | Error
  | ErrorBody
  | ErrorResponse
  | Estimate
  | EstimateSample
  | Execution
  | Expiring
  | Failure
  | Filter
  | Health
  | Heartbeat
  | Hello
  | HistoryResponse
  | HubInfo
  | Inbox
  | InboxItem
  | InboxRequest
  | InboxResponse
  | KindSummary
  | KindsResponse
  | Notified
  | Notify
  | NotifyRequest
  | OperationBundle
  | OperationCounts
  | Origin
  | Ping
  | PolledInbox
  | Pong
  | PowerSum
  | Presence
  | Prior
  | Publish
  | PublisherInfo
  | PutCommand
  | PutRequest
  | PutResponse
  | Read
  | Refresh
  | ResumePoint
  | Snapshot
  | Span
  | Stage
  | StagePrior
  | StageRecord
  | State
  | StateResponse
  | StoreHealth
  | Subscribe
  | Task
  | TaskCounts
  | TaskUpdate
  | TasksResponse
  | Timeline
  | TokenRequest
  | TokenResponse
  | Unsubscribe
  | WatchCells
  | Welcome
  | ClientMessage
  | HubMessage;
/**
 * What was estimated `elapsed_s` seconds after the start: remaining seconds, and how far it was.
 *
 * @minItems 5
 */
export type EstimateSample = [number, number | null, number | null, number, number | null];
/**
 * What the items of a stage cost together, each cost raised to `exponent`: time goes with one of these sums.
 *
 * @minItems 2
 */
export type PowerSum = [number, number];
/**
 * One attempt of one task on one worker; `start_s` and `end_s` count from the operation's start.
 *
 * @minItems 7
 */
export type Span = [
  string,
  string,
  string,
  number,
  number,
  number,
  'abandoned' | 'cancelled' | 'failed' | 'paused' | 'pending' | 'running' | 'skipped' | 'succeeded'
];
export type ClientMessage =
  | Hello
  | Publish
  | Heartbeat
  | TaskUpdate
  | Timeline
  | Subscribe
  | Unsubscribe
  | Command
  | CommandResult
  | Presence
  | Notified
  | Read
  | Execution
  | WatchCells
  | Refresh
  | Ping
  | Pong;
export type HubMessage =
  | Welcome
  | Ack
  | State
  | Bookmark
  | Command
  | CommandResult
  | TaskUpdate
  | Demand
  | NotifyRequest
  | Inbox
  | Expiring
  | Error
  | Ping
  | Pong;

/**
 * Which terminal snapshots are stored (operation → seq), and the priors of new kinds (kind → prior).
 */
export interface Ack {
  type: 'ack';
  durable: {
    [k: string]: number;
  };
  priors: {
    [k: string]: Prior;
  };
}
/**
 * How long the runs of one kind took that succeeded: all in all, and by stage. `runs` is how many there were.
 */
export interface Prior {
  runs: number;
  /**
   * @minItems 3
   * @maxItems 3
   */
  total_s: [number, number, number];
  /**
   * @maxItems 64
   */
  stages: StagePrior[];
}
/**
 * How long a stage took in earlier runs, and how its time grew with its cost.
 *
 * The model is seconds = `seconds_per_cost` x cost ** `cost_exponent`; both are None where no run had costs.
 * `cost` is what such a stage costs in all, in the median. `seconds_per_item` is None where nothing was counted.
 * `course` is empty where it is unknown. `spread` is how far the runs are apart beyond what their sizes explain, the
 * standard deviation of the logarithm of their seconds; None where one run is all there is.
 */
export interface StagePrior {
  name: string;
  /**
   * @minItems 3
   * @maxItems 3
   */
  duration_s: [number, number, number];
  cost_exponent: number | null;
  seconds_per_cost: number | null;
  seconds_per_item: number | null;
  cost: number | null;
  /**
   * @maxItems 9
   */
  course: number[];
  spread: number | null;
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
 * Body of ``POST operations/{id}/commands/{request}``: whether the command was accepted, and why not.
 */
export interface CommandAnswer {
  ok: boolean;
  error?: string | null;
}
/**
 * Body of ``POST operations/{id}/commands``.
 */
export interface CommandRequest {
  action: 'cancel' | 'pause' | 'resume';
  reason: string | null;
}
/**
 * The request's id; whether it was accepted shows in the operation's state.
 */
export interface CommandResponse {
  request: string;
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
 * A nested count inside a stage, such as the rows of the file that is being read.
 */
export interface Counter {
  name: string;
  done: number;
  total: number | null;
  unit: string;
}
/**
 * How many runs were deleted from the history.
 */
export interface DeletedResponse {
  deleted: number;
}
/**
 * How often somebody wants to hear of a publisher's operations, at most; changes of state always are told at once.
 *
 * What is not named has not changed; what has never been named may be told as often as the publisher likes.
 */
export interface Demand {
  type: 'demand';
  operations: {
    [k: string]: number;
  };
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
 * What went wrong, for a program (`code`) and for a person (`message`).
 */
export interface ErrorBody {
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
 * Body of every answer that is an error.
 */
export interface ErrorResponse {
  error: ErrorBody;
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
 * A page sent a cell to a kernel: `request` is the id of the `execute_request`, which the server sees too.
 *
 * `after_s`: the cell becomes an operation when it has run that long; None: not by this page's settings.
 */
export interface Execution {
  type: 'execution';
  kernel_id: string;
  /**
   * An operation's, task's or session's id.
   */
  request: string;
  cell_id: string;
  notebook: string;
  after_s: number | null;
}
/**
 * The connection's token expires in `in_s` seconds; send `refresh`.
 */
export interface Expiring {
  type: 'expiring';
  in_s: number;
}
/**
 * Why something failed: the exception's type and its text.
 */
export interface Failure {
  type: string;
  message: string;
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
 * Answer to ``GET health``.
 */
export interface Health {
  status: 'degraded' | 'ok';
  version: string;
  protocols: number[];
  hub_id: string;
  epoch: string;
  revision: number;
  now: number;
  uptime_s: number;
  store: StoreHealth;
  operations: OperationCounts;
  publishers: number;
  subscribers: number;
}
/**
 * Whether states survive a restart (``ok``), and why not otherwise.
 */
export interface StoreHealth {
  status: 'memory' | 'ok' | 'read_only';
  reason: string | null;
}
/**
 * How many operations the hub holds in memory and in its history.
 */
export interface OperationCounts {
  live: number;
  history: number;
}
/**
 * Renews the leases of all open operations of this publisher.
 */
export interface Heartbeat {
  type: 'heartbeat';
}
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
 *
 * `estimates`: it estimates its operations itself, and where it sends no estimate there is no basis for one. For those
 * who do not say so the hub estimates what comes without an estimate. `history` is what may be kept of its operations;
 * a hub that keeps less does so.
 */
export interface PublisherInfo {
  /**
   * An operation's, task's or session's id.
   */
  session: string;
  estimates?: boolean;
  history?: 'anonymous' | 'full' | 'off';
}
/**
 * One page of ended operations, newest first; `next` is the `before` of the following page.
 */
export interface HistoryResponse {
  items: Snapshot[];
  next: string | null;
}
/**
 * The whole state of one operation at one moment; `seq` counts the snapshots of this operation.
 *
 * Its durations are by a clock that stands still while it is paused, for `paused_s` in all.
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
 * The user's inbox, newest first: whole, on every change. `unread` counts all, `items` has the newest 100.
 */
export interface Inbox {
  type: 'inbox';
  unread: number;
  items: InboxItem[];
}
/**
 * An operation that ended, at `at` (wall-clock seconds), with what is needed to show it by itself.
 *
 * `id` is what `read` names; `operation` is the operation's id.
 */
export interface InboxItem {
  /**
   * An operation's, task's or session's id.
   */
  id: string;
  /**
   * An operation's, task's or session's id.
   */
  operation: string;
  state: 'cancelled' | 'failed' | 'paused' | 'pending' | 'running' | 'succeeded';
  at: number;
  read: boolean;
  name: string;
  elapsed_s: number | null;
  error: Failure | null;
  origin: Origin;
}
/**
 * Body of ``POST inbox``: ids of items that the user has seen, or all; and of those that the page will tell of.
 */
export interface InboxRequest {
  read: string[] | 'all';
  /**
   * @maxItems 1000
   */
  tell: string[];
}
/**
 * The inbox now, and which of the items the page may tell of: those that no other page has.
 */
export interface InboxResponse {
  tell: string[];
  inbox: PolledInbox;
}
/**
 * The user's inbox as a page has it that polls: the fields of an `inbox` message, and at which `revision` it is.
 *
 * `untold`: ids of unread items that no page has told its user of; one that wants to asks by ``POST inbox`` first.
 */
export interface PolledInbox {
  revision: number;
  unread: number;
  items: InboxItem[];
  untold: string[];
}
/**
 * What the history has of one kind: its newest name, its runs, the median duration of those that succeeded.
 *
 * `last_at` is when the newest run ended (wall-clock seconds); `median_s` is None where none succeeded.
 */
export interface KindSummary {
  kind: string;
  name: string;
  runs: number;
  median_s: number | null;
  last_at: number;
}
/**
 * The kinds that have runs in the history, the one that ran last first.
 */
export interface KindsResponse {
  items: KindSummary[];
}
/**
 * What the page did about a `notify`; `suppressed`: its user's settings, or the user was looking.
 */
export interface Notified {
  type: 'notified';
  /**
   * An operation's, task's or session's id.
   */
  id: string;
  shown: 'browser' | 'suppressed' | 'toast';
}
/**
 * Asks one page to tell its user that these operations have ended; answered by `notified` with the same id.
 */
export interface NotifyRequest {
  type: 'notify';
  /**
   * An operation's, task's or session's id.
   */
  id: string;
  operations: Snapshot[];
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
 * How well this page can reach its user now; sent on change. `notebook`: the path of the one in front.
 */
export interface Presence {
  type: 'presence';
  visible: boolean;
  focused: boolean;
  notebook: string | null;
  can_notify: boolean;
}
/**
 * Snapshots of a publisher's operations; idempotent by (session, operation, seq).
 */
export interface Publish {
  type: 'publish';
  operations: Snapshot[];
}
/**
 * A command for an operation that is published by requests; answered by a `CommandAnswer`.
 *
 * `by` is the asker's `sub`.
 */
export interface PutCommand {
  /**
   * An operation's, task's or session's id.
   */
  request: string;
  action: 'cancel' | 'pause' | 'resume';
  reason?: string | null;
  by?: string | null;
}
/**
 * Body of ``PUT operations/{id}``: one state of an operation, which is a sign of life too.
 *
 * Of `snapshot` only name and state are required; without `seq` the hub counts. `lease_s` is how long the operation
 * is believed alive without the next request, at most a day (default: the hub's lease). Without `session` the
 * operation is one by itself; `estimates` and `history` are as in `PublisherInfo`. `timeline` comes with the end.
 */
export interface PutRequest {
  session?: string | null;
  lease_s?: number | null;
  estimates?: boolean;
  history?: 'anonymous' | 'full' | 'off';
  snapshot: unknown;
  timeline?: Timeline | null;
}
/**
 * Which task ran where and when, the longest first, and what the stages tell of later runs: once, at the end.
 */
export interface Timeline {
  type: 'timeline';
  /**
   * An operation's, task's or session's id.
   */
  operation: string;
  /**
   * @maxItems 2000
   */
  spans: Span[];
  /**
   * @maxItems 64
   */
  stages: StageRecord[];
}
/**
 * What a stage of a run tells of the next one beside its state: what it cost, and the course it took.
 *
 * Both are empty where they are unknown; `course` is as in `StagePrior`.
 */
export interface StageRecord {
  name: string;
  /**
   * @maxItems 16
   */
  costs: PowerSum[];
  /**
   * @maxItems 9
   */
  course: number[];
}
/**
 * What the hub has of the operation now, whether its end is stored, and the commands that wait for an answer.
 *
 * `priors` is as in `Ack`, once, for publishers that estimate themselves.
 */
export interface PutResponse {
  seq: number;
  state: 'cancelled' | 'failed' | 'paused' | 'pending' | 'running' | 'succeeded';
  durable: boolean;
  commands: PutCommand[];
  priors?: {
    [k: string]: Prior;
  };
}
/**
 * The user has seen these items of the inbox.
 */
export interface Read {
  type: 'read';
  ids: string[] | 'all';
}
/**
 * A newer token of the same subject; the connection lives on with its scopes.
 */
export interface Refresh {
  type: 'refresh';
  token: string;
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
 * Answer to ``GET operations``: the fields of a `state` message, and the inbox if it is news to who asks.
 */
export interface StateResponse {
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
  inbox: PolledInbox | null;
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
 * The newest of tasks that run in another process than their operation, told by that with a task token.
 *
 * The hub forwards it to the operation's session, which alone publishes; while that is away it keeps the newest.
 */
export interface TaskUpdate {
  type: 'task_update';
  /**
   * An operation's, task's or session's id.
   */
  operation: string;
  /**
   * @maxItems 256
   */
  tasks: Task[];
}
/**
 * The tasks of one operation, and of an ended one its timeline and how its estimate went (at most 200 samples).
 */
export interface TasksResponse {
  items: Task[];
  spans: Span[];
  estimates: EstimateSample[];
}
/**
 * Body of ``POST tokens``.
 */
export interface TokenRequest {
  /**
   * @minItems 1
   * @maxItems 3
   */
  scopes: ('command' | 'publish' | 'subscribe')[];
  operation: string | null;
  notebook: string | null;
  expires_in_s: number;
}
/**
 * A new token and what it may do.
 */
export interface TokenResponse {
  token: string;
  jti: string;
  scopes: ('command' | 'publish' | 'subscribe')[];
  operation: string | null;
  notebook: string | null;
  expires_in_s: number;
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
 * A page says, at first and on change, whether its user wants cells that run for long to be operations.
 *
 * `after_s`: those that run that long; None: no. The server listens to its kernels only where somebody wants that.
 */
export interface WatchCells {
  type: 'watch_cells';
  after_s: number | null;
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
