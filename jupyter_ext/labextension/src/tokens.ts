import { Token } from '@lumino/coreutils';
import type { ISignal } from '@lumino/signaling';

import type { InboxModel, OperationsModel } from './model';
import type {
  Action,
  Execution,
  Notified,
  NotifyRequest,
  Presence,
  Prior,
  Read,
  WatchCells
} from './protocol';

/** The page's one connection to the hub of its server. */
export interface IProgressHub {
  /** What is known of the operations, and of the line. */
  readonly model: OperationsModel;

  /** What ended, read and unread, as the server keeps it for all pages of the user. */
  readonly inbox: InboxModel;

  /** The hub asks this page to tell its user of ends; answered by `send` of a `notified` with the same id. */
  readonly notify: ISignal<IProgressHub, NotifyRequest>;

  /**
   * Ask an operation to do something.
   *
   * @returns null when the request was accepted (the operation's state tells the rest), else what was wrong.
   */
  command(operation: string, action: Action): Promise<string | null>;

  /** Say something that needs no answer. While the line is down, what describes the page is kept and the rest dropped. */
  send(message: Presence | WatchCells | Notified | Read | Execution): void;

  /** What earlier runs of a kind took; null where there are none. Asked of the server once, then kept. */
  prior(kind: string): Promise<Prior | null>;

  /** A request to the hub's REST interface, `path` below `progress-kit/api/`. */
  request(path: string, init?: RequestInit): Promise<Response>;
}

/** The token of the page's connection to the hub. */
export const IProgressHub = new Token<IProgressHub>(
  'progress-kit:IProgressHub',
  'The operations of this server, live: one connection per page.'
);
