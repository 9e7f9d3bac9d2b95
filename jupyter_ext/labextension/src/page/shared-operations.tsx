import * as React from 'react';

import { LineFoot } from '../components/line-foot';
import { ProgressTracker } from '../components/progress-tracker';
import { useFrames } from '../components/use-frames';
import type { IWords } from '../components/words';
import { offlineSince, type OperationMemory, type OperationsModel } from '../model';
import type { Snapshot } from '../protocol';

export interface ISharedOperationsProps {
  readonly model: OperationsModel;
  readonly memory: OperationMemory;
  /** The link does not work any more. */
  readonly onVoid: () => void;
  readonly words: IWords;
}

/** What a share link lets see: its operations, to look at and nothing else. */
export function SharedOperations(props: ISharedOperationsProps): React.JSX.Element {
  const { model, memory, onVoid, words } = props;
  const isVoid = model.line.reason === 'forbidden';
  const subscribe = React.useCallback(
    (changed: () => void) => {
      model.changed.connect(changed);
      return () => void model.changed.disconnect(changed);
    },
    [model]
  );
  useFrames(subscribe);
  React.useEffect(() => {
    if (isVoid) {
      onVoid();
    }
  }, [isVoid, onVoid]);
  if (isVoid) {
    return (
      <Notice>
        {words.__('This link does not work any more: it has expired, or it was revoked.')}
      </Notice>
    );
  }
  const operations = model.list().filter(isWithin).sort(newestFirst);
  return (
    <>
      {operations.length > 0 ? (
        <div className="pk-shared">
          {operations.map(snapshot => (
            <ProgressTracker
              key={snapshot.id}
              snapshot={snapshot}
              clock={model.clock}
              offlineSince={offlineSince(model.line)}
              memory={memory}
              words={words}
            />
          ))}
        </div>
      ) : (
        <Notice>
          {model.synced
            ? words.__('Nothing runs here now. It shows as soon as there is something to see.')
            : words.__('Nothing is known yet.')}
        </Notice>
      )}
      <LineFoot line={model.line} words={words} />
    </>
  );
}

/** A sentence in place of operations. */
export function Notice({ children }: { children: string }): React.JSX.Element {
  return (
    <p className="pk-notice" role="status">
      {children}
    </p>
  );
}

/** Operations inside others are counted there. */
function isWithin({ parent }: Snapshot, _: number, all: readonly Snapshot[]): boolean {
  return parent === null || !all.some(({ id }) => id === parent);
}

function newestFirst(a: Snapshot, b: Snapshot): number {
  return (b.started_at ?? 0) - (a.started_at ?? 0);
}
