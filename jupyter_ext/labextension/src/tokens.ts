import { Token } from '@lumino/coreutils';

import type { OperationsModel } from './model';
import type { Action } from './protocol';

/** The page's one connection to the hub of its server. */
export interface IProgressHub {
  /** What is known of the operations, and of the line. */
  readonly model: OperationsModel;

  /**
   * Ask an operation to do something.
   *
   * @returns null when the request was accepted (the operation's state tells the rest), else what was wrong.
   */
  command(operation: string, action: Action): Promise<string | null>;
}

/** The token of the page's connection to the hub. */
export const IProgressHub = new Token<IProgressHub>(
  'progress-kit:IProgressHub',
  'The operations of this server, live: one connection per page.'
);
