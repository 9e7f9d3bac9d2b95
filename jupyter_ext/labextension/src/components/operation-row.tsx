import * as React from 'react';

import type { IOperationRow, IRequest } from '../model';
import type { Prior, Snapshot } from '../protocol';
import { Button } from './button';
import type { IActions } from './parts';
import { type IMemory, ProgressTracker } from './progress-tracker';
import { usePrior } from './use-prior';
import type { IWords } from './words';

/** What the rows of a list have in common. Nothing in it changes from one message to the next. */
export interface IRowContext {
  readonly clock: { now(): number };
  readonly memory: IMemory;
  readonly actions: IActions;
  readonly prior: (kind: string) => Promise<Prior | null>;
  readonly onExpand: (id: string, expanded: boolean) => void;
  readonly words: IWords;
}

interface IOperationRowProps {
  row: IOperationRow;
  snapshot: Snapshot;
  expanded: boolean;
  offlineSince: number | null;
  request: IRequest | null;
  context: IRowContext;
}

/** One operation in the list; it is rendered only when something of its own has changed. */
export const OperationRow = React.memo(function OperationRow(
  props: IOperationRowProps
): React.JSX.Element {
  const { row, snapshot, expanded, offlineSince, request, context } = props;
  const { onExpand, words } = context;
  const usual_s = usePrior(expanded ? snapshot.kind : null, context.prior);
  return (
    <>
      <ProgressTracker
        variant="panel"
        snapshot={snapshot}
        clock={context.clock}
        offlineSince={offlineSince}
        memory={context.memory}
        usual_s={usual_s}
        actions={context.actions}
        request={request}
        expanded={expanded}
        onExpand={onExpand}
        words={words}
      />
      {row.children > 0 && (
        <div className="pk-children">
          <Button plain aria-expanded={expanded} onClick={() => onExpand(snapshot.id, !expanded)}>
            {words._n('%1 operation inside', '%1 operations inside', row.children)}
          </Button>
        </div>
      )}
    </>
  );
});
