/** What travels: the generated types under the names that this extension uses, and the wire's constants. */
export type {
  ClientMessage,
  Command,
  CommandResult,
  Counter,
  Estimate,
  EstimateSample,
  Execution,
  Health,
  HubInfo,
  HistoryResponse,
  HubMessage,
  KindsResponse,
  Inbox,
  InboxItem,
  InboxRequest,
  InboxResponse,
  Notified,
  NotifyRequest,
  OperationBundle,
  Origin,
  PolledInbox,
  Presence,
  Prior,
  Read,
  ResumePoint,
  Snapshot,
  Span,
  Stage,
  State as StateMessage,
  StateResponse,
  StoreHealth,
  Subscribe,
  Task,
  TasksResponse,
  WatchCells,
  Welcome
} from './types';
export { readBundle, readTold } from './bundle';

import type { Command, Snapshot } from './types';

export type OperationState = Snapshot['state'];
export type Action = Command['action'];

/** The MIME type of an operation's output in a notebook. */
export const MIME_TYPE = 'application/vnd.progress-kit.operation.v1+json';

/** The WebSocket sub-protocol that the hub selects. */
export const SUBPROTOCOL = 'progress-kit.v1';

/** The sub-protocol that carries a token: a page can set no header, and a token never travels in a URL. */
export const TOKEN_SUBPROTOCOL = 'progress-kit.jwt.';

/** Why the hub closed a connection. */
export const CloseCode = {
  malformed: 4400,
  unauthenticated: 4401,
  forbidden: 4403,
  noCommonVersion: 4406,
  takenOver: 4409
} as const;

/** Whether a state is final. */
export function isTerminal(state: OperationState): boolean {
  return state === 'succeeded' || state === 'failed' || state === 'cancelled';
}
