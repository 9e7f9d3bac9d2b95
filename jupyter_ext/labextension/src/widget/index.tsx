/** The widget's module in a page: one for all widgets of the kernels that have this version. */
import * as React from 'react';

import { ProgressTracker } from '../components/progress-tracker';
import { Button } from '../components/button';
import { english, isolate } from '../components/words';
import { isTerminal } from '../protocol';
import { canvas, dress } from './draw';
import { type IModel, toldBy } from './host';
import { Notices } from './notices';
import { LiveOperation } from './operation';
import { mayNotify } from './permission';
import { PageTeller } from './teller';

const words = english;
const notices = new Notices(new PageTeller(words), words);

/** Take the style of all that is drawn. */
export const start = dress;

/** Follow an operation to its end, whether it is drawn or not; call what is returned to stop. */
export function initialize({ model }: { model: IModel }): () => void {
  let ended = isTerminal(toldBy(model).snapshot.state); // long ago: this page was loaded after it
  const listen = (): void => {
    const { snapshot } = toldBy(model);
    if (!ended && isTerminal(snapshot.state)) {
      ended = true;
      notices.ended(snapshot);
    }
  };
  model.on('change:_told', listen);
  return () => model.off('change:_told', listen);
}

/** Draw an operation in `el`; call what is returned to take it away. */
export function render({ model, el }: { model: IModel; el: HTMLElement }): () => void {
  const operation = new LiveOperation(model);
  const unwatch = notices.watch(operation.snapshot.id, el);
  const draw = canvas(el);
  draw(<Live operation={operation} />);
  return () => {
    unwatch();
    operation.dispose();
    draw(null);
  };
}

function Live({ operation }: { operation: LiveOperation }): React.JSX.Element {
  const [, render] = React.useReducer((n: number) => n + 1, 0);
  operation.onChange = () => render();
  const { snapshot, clock, memory, request } = operation;
  return (
    <>
      <ProgressTracker
        snapshot={snapshot}
        clock={clock}
        memory={memory}
        request={request}
        actions={operation}
        words={words}
      />
      {!isTerminal(snapshot.state) && <AskToNotify id={snapshot.id} name={snapshot.name} />}
    </>
  );
}

/** Browsers want a click before they ask the user for the permission. */
function AskToNotify({ id, name }: { id: string; name: string }): React.JSX.Element | null {
  const [permission, setPermission] = React.useState(mayNotify);
  if (permission !== 'default') {
    return null;
  }
  return (
    <Button
      plain
      className="pk-ask"
      aria-label={words.__('Notify me when %1 ends', isolate(name))}
      onClick={() => {
        notices.want(id);
        void Notification.requestPermission().then(setPermission);
      }}
    >
      {words.__('notify me when it ends')}
    </Button>
  );
}
