import { UseSignal } from '@jupyterlab/ui-components';
import * as React from 'react';

import { type IWords, ProgressTracker, usePrior } from '../components';
import { type IChange, offlineSince, type OperationsModel } from '../model';
import { isTerminal, type OperationBundle, type Snapshot } from '../protocol';
import type { IProgressHub } from '../tokens';
import type { IHandling } from './handling';

/** The output of a cell can reach the page a little before the hub's word of the same operation. */
const GRACE_MS = 1_500;

interface ILiveOperationProps {
  hub: IProgressHub;
  handling: IHandling;
  bundle: OperationBundle;
  words: IWords;
}

/** The operation of a stored output: live where the hub knows it, else as it was stored. */
export function LiveOperation(props: ILiveOperationProps): React.JSX.Element {
  const { hub, handling, bundle } = props;
  return (
    <UseSignal
      signal={hub.model.changed}
      shouldUpdate={(_: OperationsModel, change: IChange) =>
        change.line || change.ids.has(bundle.operation)
      }
    >
      {() => (
        <UseSignal
          signal={handling.requests.changed}
          shouldUpdate={(_, id) => id === bundle.operation}
        >
          {() => <Operation {...props} />}
        </UseSignal>
      )}
    </UseSignal>
  );
}

function Operation({ hub, handling, bundle, words }: ILiveOperationProps): React.JSX.Element {
  const { model } = hub;
  const live = sameHub(bundle, model) ? model.get(bundle.operation) : undefined;
  const waited = useWaited(bundle.operation, GRACE_MS);
  const snapshot = newest(bundle.snapshot, live);
  const prior = React.useCallback((kind: string) => hub.prior(kind), [hub]);
  // What is not of this server's history has no usual time here.
  const usual_s = usePrior(live?.kind ?? null, prior);
  return (
    <ProgressTracker
      snapshot={snapshot}
      clock={model.clock}
      offlineSince={offlineSince(model.line)}
      known={live !== undefined || !model.synced || !waited}
      memory={handling.memory}
      usual_s={usual_s}
      actions={handling.actions}
      request={handling.requests.get(bundle.operation)}
      words={words}
    />
  );
}

function sameHub(bundle: OperationBundle, model: OperationsModel): boolean {
  return bundle.hub_id === null || model.hubId === null || bundle.hub_id === model.hubId;
}

/** What the hub says counts, except against a stored end that it has not heard of. */
function newest(stored: Snapshot, live: Snapshot | undefined): Snapshot {
  if (live === undefined || (isTerminal(stored.state) && !isTerminal(live.state))) {
    return stored;
  }
  return live;
}

/** Whether `ms` have passed since `key` was first rendered. */
function useWaited(key: string, ms: number): boolean {
  const [waitedFor, setWaitedFor] = React.useState<string | null>(null);
  React.useEffect(() => {
    const timer = window.setTimeout(() => setWaitedFor(key), ms);
    return () => window.clearTimeout(timer);
  }, [key, ms]);
  return waitedFor === key;
}
