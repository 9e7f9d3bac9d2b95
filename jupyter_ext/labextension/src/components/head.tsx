import * as React from 'react';

import { Button } from './button';
import { moment, percent } from './format';
import { LookIcon } from './icons';
import { Metrics } from './metrics';
import type { IPartProps } from './parts';
import { Tags } from './tags';
import { leftOf, outcomeOf, spokenOf, standOf } from './texts';
import { steadyEnd } from './view';
import { isolate } from './words';

/** Name, how far, how long still. `before` and `after` are the buttons at its ends. */
export function Head(
  props: IPartProps & { before?: React.ReactNode; after?: React.ReactNode }
): React.JSX.Element {
  const { snapshot, look, watch, words, panel, before, after } = props;
  const open = look === 'running' || look === 'paused' || look === 'pending' || look === 'other';
  return (
    <div className="pk-head">
      {before}
      <LookIcon look={look} />
      <Name {...props} />
      <span className="pk-sub">
        <Tags {...props} />
        {(open || look === 'simulated') && snapshot.fraction !== null && !panel && (
          <span className="pk-percent">{percent(snapshot.fraction)}</span>
        )}
        <span className="pk-left">
          {look === 'running' || look === 'simulated' ? (
            <Left {...props} />
          ) : (
            !open && <span>{standOf(snapshot, look, watch, words)}</span>
          )}
        </span>
      </span>
      {after}
    </div>
  );
}

/** The one line of an operation that succeeded: what was done, in which time. */
export function Succeeded(
  props: IPartProps & { before?: React.ReactNode; after?: React.ReactNode }
): React.JSX.Element {
  const { snapshot, look, watch, words, panel, usual_s, before, after } = props;
  const outcome = outcomeOf(snapshot, usual_s, words);
  return (
    <div className="pk-head">
      {before}
      <LookIcon look={look} />
      <Name {...props} />
      <span
        className="pk-sub"
        role="progressbar"
        aria-label={isolate(snapshot.name)}
        aria-valuemin={0}
        aria-valuemax={100}
        aria-valuenow={snapshot.ended_early ? Math.floor(100 * (snapshot.fraction ?? 1)) : 100}
        aria-valuetext={spokenOf(snapshot, look, watch, words)}
      >
        <span className="pk-outcome" title={outcome}>
          {outcome}
        </span>
        {!panel && (
          <span className="pk-left">
            <Metrics {...props} />
          </span>
        )}
      </span>
      {after}
    </div>
  );
}

/** The name, which leads to the cell where that is possible. */
function Name({ snapshot, words, actions }: IPartProps): React.JSX.Element {
  const { name } = snapshot;
  const goTo = actions?.goTo;
  return goTo === undefined ? (
    <bdi className="pk-name" title={name}>
      {name}
    </bdi>
  ) : (
    <Button
      plain
      className="pk-name"
      title={words.__('Go to the cell of %1', isolate(name))}
      onClick={() => goTo(snapshot)}
    >
      <bdi>{name}</bdi>
    </Button>
  );
}

/** How long still, as a range where one is known, and when it ends. */
function Left({ snapshot, watch, words, panel }: IPartProps): React.JSX.Element | null {
  const shownEnd = React.useRef<number | null>(null);
  const left = leftOf(snapshot, watch, panel, words);
  if (left === null) {
    return null;
  }
  const { estimate } = snapshot;
  if (estimate === null || !left.known) {
    shownEnd.current = null;
    return <span title={words.__('time left')}>{left.main}</span>;
  }
  const heardAt = snapshot.hub?.changed_at ?? watch.now;
  // What is simulated counts from now: time has been taken off its estimate already.
  const from = watch.offlineFor_s === null ? heardAt : watch.now;
  shownEnd.current = steadyEnd(shownEnd.current, from + estimate.p50_s, watch.now);
  const end = moment(shownEnd.current, watch.now);
  return (
    <>
      <b title={estimate.why === '' ? undefined : estimate.why}>{left.main}</b>
      {left.range !== null && <span>{`(${left.range})`}</span>}
      {watch.offlineFor_s === null && (
        <span className="pk-ends">
          {panel ? words.__('about %1', end) : words.__('ends %1', end)}
        </span>
      )}
    </>
  );
}
