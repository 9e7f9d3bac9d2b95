import * as React from 'react';

import type { OperationsModel } from '../model';
import type { StoreHealth } from '../protocol';
import { Icon } from './icons';
import type { IWords } from './words';

/** How often the server is asked at most. */
export const ASK_MS = 60_000;

export interface IStoreNoticeProps {
  readonly model: OperationsModel;
  /** Asks the server how its history is; null where it does not say. */
  readonly ask: () => Promise<StoreHealth | null>;
  /** Whether anyone can see the notice: for nobody nothing is asked. */
  readonly isVisible: () => boolean;
  readonly words: IWords;
}

/** Says that what has ended is not kept, or that a part of it was lost, and why; nothing where all is well. */
export function StoreNotice({
  model,
  ask,
  isVisible,
  words
}: IStoreNoticeProps): React.JSX.Element | null {
  const [health, setHealth] = React.useState<StoreHealth | null>(null);
  React.useEffect(() => {
    let asked = -Infinity;
    let gone = false;
    const look = (): void => {
      if (!isVisible() || performance.now() - asked < ASK_MS) {
        return;
      }
      asked = performance.now();
      ask().then(
        found => !gone && setHealth(found),
        () => undefined // the state of the line says that it cannot be asked
      );
    };
    const onModel: Parameters<typeof model.changed.connect>[0] = (_, { line }) => {
      if (line) {
        asked = -Infinity; // it may be another server, or the same one started again
      }
      look();
    };
    model.changed.connect(onModel);
    const timer = setInterval(look, ASK_MS / 4);
    look();
    return () => {
      gone = true;
      model.changed.disconnect(onModel);
      clearInterval(timer);
    };
  }, [model, ask, isVisible]);
  if (health === null || health.reason === null) {
    return null;
  }
  return (
    <div className="pk-store-notice" role="status">
      <Icon shape="stale" />
      <span>
        {health.status === 'ok'
          ? words.__('A part of the history was lost: %1', health.reason)
          : words.__(
              'What ends now is not kept on disk until this is mended: %1. What runs goes on.',
              health.reason
            )}
      </span>
    </div>
  );
}
