import * as React from 'react';

import { Button } from '../components/button';
import { CloseIcon } from '../components/icons';
import type { IPartProps } from '../components/parts';
import { isolate } from '../components/words';
import type { Action } from '../protocol';

/** What a button does, what is said while it is done, and what if it is not. */
const ACTIONS = {
  pause: ['Pause %1', 'pausing…', 'not paused: %1'],
  resume: ['Resume %1', 'resuming…', 'not resumed: %1'],
  cancel: ['Cancel %1', 'cancelling…', 'not cancelled: %1']
} as const;

/**
 * In the place of the controls of JupyterLab's pages, which can also interrupt the kernel: here the host has its own
 * button for that.
 */
export function Controls(props: IPartProps): React.JSX.Element {
  const { snapshot, words, actions, request } = props;
  const refused = request?.refused ?? null;
  const said = request === null ? null : ACTIONS[request.action as Action];
  const paused = snapshot.state === 'paused';
  const offered = (['pause', 'resume', 'cancel'] as const).filter(
    action =>
      (said === null || refused !== null) &&
      snapshot.actions.includes(action) &&
      action !== (paused ? 'pause' : 'resume')
  );
  return (
    <>
      {said !== null && (
        <span className={refused === null ? 'pk-quiet' : 'pk-bad'} role="status">
          {refused === null ? words.__(said[1]) : words.__(said[2], isolate(refused))}
        </span>
      )}
      {offered.map(action => (
        <Button
          key={action}
          plain
          aria-label={words.__(ACTIONS[action][0], isolate(snapshot.name))}
          onClick={() => actions?.ask(snapshot, action)}
        >
          {action === 'cancel' ? <CloseIcon /> : words.__(action)}
        </Button>
      ))}
    </>
  );
}
