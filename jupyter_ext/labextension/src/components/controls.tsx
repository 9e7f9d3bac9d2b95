import * as React from 'react';

import type { IRequest } from '../model';
import { type Action, isTerminal, type Snapshot } from '../protocol';
import { Button } from './button';
import { CloseIcon, Icon, type Shape } from './icons';
import type { IActions, IPartProps } from './parts';
import { isWithinReach } from './view';
import { isolate, type IWords } from './words';

/** A cancel that has shown no effect for this long was not heard: there is a stronger way. In milliseconds. */
const UNANSWERED_MS = 5_000;

/** Cancel, pause, resume, and the kernel's interrupt where cancel does not help. */
export function Controls(props: IPartProps): React.JSX.Element | null {
  const { snapshot, look, words, panel, actions } = props;
  const [sure, setSure] = React.useState<'cancel' | 'interrupt' | null>(null);
  if (actions === null || isTerminal(snapshot.state) || !isWithinReach(look)) {
    return null;
  }
  const request = openRequest(props.request, snapshot);
  const name = isolate(snapshot.name);
  const offered = (action: Action): boolean =>
    snapshot.actions.includes(action) && !isInTheWay(request, action);
  const held = isHeld(snapshot);
  if (sure !== null) {
    const interrupt = sure === 'interrupt';
    return (
      <Confirm
        question={interrupt ? words.__('Interrupt its kernel?') : words.__('Cancel it?')}
        label={
          interrupt ? words.__('Interrupt the kernel of %1?', name) : words.__('Cancel %1?', name)
        }
        words={words}
        onNo={() => setSure(null)}
        onYes={() => {
          setSure(null);
          if (interrupt) {
            actions.interrupt?.(snapshot);
          } else {
            actions.ask(snapshot, 'cancel');
          }
        }}
      />
    );
  }
  return (
    <>
      {request === null && held && snapshot.state === 'running' ? (
        <span className="pk-quiet pk-asked">{words.__('pausing…')}</span>
      ) : (
        <Progress request={request} words={words} />
      )}
      {isInterruptible(snapshot, request, actions) && (
        <Button
          plain
          aria-label={words.__('Interrupt the kernel of %1', name)}
          onClick={() => setSure('interrupt')}
        >
          {words.__('interrupt kernel')}
        </Button>
      )}
      {panel && snapshot.state === 'running' && offered('pause') && (
        <Button
          plain
          aria-label={words.__('Pause %1', name)}
          onClick={() => actions.ask(snapshot, 'pause')}
        >
          <Deed shape="paused" word={words.__('pause')} />
        </Button>
      )}
      {held && offered('resume') && (
        <Button
          plain
          aria-label={words.__('Resume %1', name)}
          onClick={() => actions.ask(snapshot, 'resume')}
        >
          <Deed shape="running" word={words.__('resume')} />
        </Button>
      )}
      {offered('cancel') && (
        <Button
          plain
          aria-label={words.__('Cancel %1', name)}
          title={words.__('Cancel')}
          onClick={() => (panel ? setSure('cancel') : actions.ask(snapshot, 'cancel'))}
        >
          {panel ? <Deed shape="close" word={words.__('cancel')} /> : <CloseIcon />}
        </Button>
      )}
    </>
  );
}

/** What a button does: in a word, or by its shape where words have no room. */
function Deed({ shape, word }: { shape: Shape; word: string }): React.JSX.Element {
  return (
    <span className="pk-deed" title={word}>
      <Icon shape={shape} />
      <span>{word}</span>
    </span>
  );
}

/** A request whose effect has not been seen yet. A pause that was heard waits for the work's next step. */
function openRequest(request: IRequest | null, snapshot: Snapshot): IRequest | null {
  const held = isHeld(snapshot);
  const done = (request?.action === 'pause' && held) || (request?.action === 'resume' && !held);
  return done ? null : request;
}

/** Whether it is paused, or will be where its work looks next: then it can only be resumed. */
function isHeld({ state, actions }: Snapshot): boolean {
  return state === 'paused' || (actions.includes('resume') && !actions.includes('pause'));
}

/** Whether `action` has to wait for what was asked before: nothing comes after a cancel, and nothing is asked twice. */
function isInTheWay(request: IRequest | null, action: Action): boolean {
  if (request === null || request.refused !== null) {
    return false;
  }
  return request.action === action || (request.action !== 'pause' && request.action !== 'resume');
}

function isInterruptible(
  { actions: offered, origin }: Snapshot,
  request: IRequest | null,
  { interrupt }: IActions
): boolean {
  if (interrupt === undefined || origin.kernel_id === null) {
    return false;
  }
  if (request?.action === 'interrupt') {
    return request.refused !== null;
  }
  const unheard =
    request?.action === 'cancel' &&
    (request.refused !== null || Date.now() - request.at > UNANSWERED_MS);
  return unheard || !offered.includes('cancel');
}

/** What became of a request so far. That it was done is said by the operation's state, not here. */
function Progress(props: { request: IRequest | null; words: IWords }): React.JSX.Element | null {
  const { request, words } = props;
  if (request === null) {
    return null;
  }
  if (request.refused !== null) {
    return (
      <span className="pk-bad pk-asked" role="alert">
        {refusalText(request.action, request.refused, words)}
      </span>
    );
  }
  return <span className="pk-quiet pk-asked">{askedText(request, words)}</span>;
}

function askedText({ action, at }: IRequest, words: IWords): string {
  switch (action) {
    case 'pause':
      return words.__('pausing…');
    case 'resume':
      return words.__('resuming…');
    case 'interrupt':
      return words.__('interrupting…');
    case 'cancel':
      return Date.now() - at > UNANSWERED_MS
        ? words.__('not cancelled yet')
        : words.__('cancelling…');
  }
}

function refusalText(action: IRequest['action'], why: string, words: IWords): string {
  const reason = isolate(why);
  switch (action) {
    case 'pause':
      return words.__('not paused: %1', reason);
    case 'resume':
      return words.__('not resumed: %1', reason);
    case 'interrupt':
      return words.__('not interrupted: %1', reason);
    case 'cancel':
      return words.__('not cancelled: %1', reason);
  }
}

interface IConfirmProps {
  question: string;
  label: string;
  words: IWords;
  onYes: () => void;
  onNo: () => void;
}

function Confirm({ question, label, words, onYes, onNo }: IConfirmProps): React.JSX.Element {
  return (
    <span
      className="pk-confirm"
      role="group"
      aria-label={label}
      onKeyDown={event => {
        if (event.key === 'Escape') {
          event.stopPropagation();
          onNo();
        }
      }}
    >
      <span>{question}</span>
      <Button autoFocus onClick={onYes}>
        {words.__('yes')}
      </Button>
      <Button plain onClick={onNo}>
        {words.__('no')}
      </Button>
    </span>
  );
}
