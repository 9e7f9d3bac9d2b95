import * as React from 'react';

import { isTerminal, type Snapshot } from '../protocol';
import { ProgressTracker } from './progress-tracker';
import type { IWords } from './words';

/** Of those that ended, more than this many are only counted. */
const MOST_ENDED = 50;

export interface IOperationListProps {
  /** The open ones first. */
  readonly operations: readonly Snapshot[];
  readonly clock: { now(): number };
  readonly offlineSince: number | null;
  readonly onCancel: (id: string) => Promise<string | null>;
  readonly words: IWords;
}

/** The operations of all notebooks and scripts: what runs, then what ended. */
export function OperationList(props: IOperationListProps): React.JSX.Element {
  const { operations, words } = props;
  const open = operations.filter(operation => !isTerminal(operation.state));
  const ended = operations.filter(operation => isTerminal(operation.state));
  if (operations.length === 0) {
    return (
      <p className="pk-empty">
        {words.__(
          'Nothing runs. An operation shows here as soon as a notebook or a script reports one.'
        )}
      </p>
    );
  }
  return (
    <>
      <Group title={words.__('Running')} {...props} operations={open} />
      <Group title={words.__('Recent')} {...props} operations={ended.slice(0, MOST_ENDED)} />
      {ended.length > MOST_ENDED && (
        <p className="pk-empty">{words.__('and %1 older ones', ended.length - MOST_ENDED)}</p>
      )}
    </>
  );
}

function Group(props: IOperationListProps & { title: string }): React.JSX.Element | null {
  const { title, operations, clock, offlineSince, onCancel, words } = props;
  if (operations.length === 0) {
    return null;
  }
  return (
    <section aria-label={title}>
      <h3 className="pk-group">
        {title} <span>{operations.length}</span>
      </h3>
      {operations.map(snapshot => (
        <ProgressTracker
          key={snapshot.id}
          variant="panel"
          snapshot={snapshot}
          clock={clock}
          offlineSince={offlineSince}
          onCancel={onCancel}
          words={words}
        />
      ))}
    </section>
  );
}
