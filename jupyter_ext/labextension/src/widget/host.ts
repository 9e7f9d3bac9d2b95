import type { Action, Snapshot } from '../protocol';

/** What the kernel tells: the trait `_told` of its widget. */
export interface ITold {
  readonly snapshot: Snapshot;
  /** The kernel's wall clock when it was told, in seconds. */
  readonly now: number;
}

/** What a page asks of an operation; the kernel answers with a `command_result`. */
export interface ICommand {
  readonly type: 'command';
  readonly request: string;
  readonly action: Action;
}

export interface ICommandResult {
  readonly type: 'command_result';
  readonly request: string;
  /** Why it was refused; null where it is under way. */
  readonly error: string | null;
}

/** The kernel's widget in the page, as anywidget hands it to its modules. */
export interface IModel {
  get(name: '_told'): ITold;
  on(event: string, listener: (content: unknown) => void): void;
  off(event: string, listener: (content: unknown) => void): void;
  send(content: ICommand): void;
}

/** What the kernel told last. */
export function toldBy(model: IModel): ITold {
  const told = model.get('_told');
  // By its quoted name: `scripts/widget.mjs` shortens it everywhere else.
  return { snapshot: told['snapshot'], now: told.now };
}
