import * as React from 'react';

import { elapsedAt } from '../model';
import { isTerminal, type Snapshot } from '../protocol';
import { CancelButton } from './cancel-button';
import { count, duration, isBytes, moment, percent, progress, rate } from './format';
import { LookIcon } from './icons';
import { StageBar, StageNames } from './stage-bar';
import {
  cautionOf,
  failureOf,
  type ILeft,
  leftOf,
  metricsOf,
  outcomeOf,
  spokenOf,
  standOf,
  tagOf
} from './texts';
import { useSteady, useTick } from './use-now';
import { currentStage, type IWatch, type Look, lookOf, steadyEnd, whereOf } from './view';
import { english, type IWords } from './words';

export interface IProgressTrackerProps {
  readonly snapshot: Snapshot;
  /** The hub's clock, in seconds. */
  readonly clock: { now(): number };
  /** Since when this viewer's line is down, in milliseconds of its own clock; null while it is live. */
  readonly offlineSince?: number | null;
  /** False when the snapshot comes from a saved output and the hub does not know the operation. */
  readonly known?: boolean;
  /** `panel` is denser, says where the operation runs, and asks before it cancels. */
  readonly variant?: 'cell' | 'panel';
  /** Ask the operation to stop; without it there is no button. */
  readonly onCancel?: (id: string) => Promise<string | null>;
  readonly words?: IWords;
}

/** One operation, as it stands, in the words and the shape of its state. */
export function ProgressTracker(props: IProgressTrackerProps): React.JSX.Element {
  const { snapshot, clock, offlineSince = null, known = true, variant = 'cell' } = props;
  const words = props.words ?? english;
  const watch: IWatch = {
    now: clock.now(),
    offlineFor_s: offlineSince === null ? null : Math.max(0, (Date.now() - offlineSince) / 1000),
    known
  };
  const look = lookOf(snapshot, watch);
  const terminal = isTerminal(snapshot.state);
  useTick(!terminal && look !== 'unknown');
  const view: IPartProps = { snapshot, look, watch, words, compact: variant === 'panel' };
  const cancellable =
    props.onCancel !== undefined &&
    !terminal &&
    snapshot.actions.includes('cancel') &&
    (look === 'running' || look === 'paused' || look === 'pending' || look === 'stale');
  const { onCancel } = props;
  const cancel =
    cancellable && onCancel !== undefined ? (
      <CancelButton
        name={snapshot.name}
        confirm={variant === 'panel'}
        onCancel={() => onCancel(snapshot.id)}
        words={words}
      />
    ) : null;
  return (
    <div
      className={`pk-operation pk-${variant} pk-look-${look}`}
      role="group"
      aria-label={snapshot.name}
      data-operation={snapshot.id}
    >
      {look === 'succeeded' ? (
        <Succeeded {...view} />
      ) : (
        <>
          <Head {...view} cancel={variant === 'cell' ? cancel : null} />
          <StageBar
            stages={snapshot.stages}
            current={snapshot.stage}
            label={snapshot.name}
            aria-valuenow={
              snapshot.fraction === null ? undefined : Math.floor(100 * snapshot.fraction)
            }
            aria-valuetext={spokenOf(snapshot, look, watch, words)}
          />
          {variant === 'cell' && <StageNames stages={snapshot.stages} current={snapshot.stage} />}
          {look === 'failed' ? <Failure {...view} /> : !terminal && <Foot {...view} />}
          <Caution {...view} />
        </>
      )}
      {variant === 'panel' && (
        <div className="pk-foot pk-where">
          <span className="pk-message">
            {[whereOf(snapshot), endedOf(snapshot, watch.now)].filter(Boolean).join(' · ')}
          </span>
          <span className="pk-end">{cancel}</span>
        </div>
      )}
    </div>
  );
}

function endedOf(snapshot: Snapshot, now: number): string | null {
  return snapshot.ended_at === null ? null : moment(snapshot.ended_at, now);
}

interface IPartProps {
  readonly snapshot: Snapshot;
  readonly look: Look;
  readonly watch: IWatch;
  readonly words: IWords;
  readonly compact: boolean;
}

/** Name, how far, how long still. */
function Head(props: IPartProps & { cancel: React.ReactNode }): React.JSX.Element {
  const { snapshot, look, watch, words, compact, cancel } = props;
  const tag = tagOf(snapshot, look, watch, words);
  const open = look === 'running' || look === 'paused' || look === 'pending';
  return (
    <div className="pk-head">
      <LookIcon look={look} />
      <span className="pk-name" title={snapshot.name}>
        {snapshot.name}
      </span>
      <span className="pk-sub">
        {tag !== null && <span className="pk-tag">{tag}</span>}
        {open && snapshot.fraction !== null && !compact && (
          <span className="pk-percent">{percent(snapshot.fraction)}</span>
        )}
        <span className="pk-left">
          {look === 'running' ? (
            <Left {...props} />
          ) : (
            !open && <span>{standOf(snapshot, look, watch, words)}</span>
          )}
        </span>
      </span>
      {cancel}
    </div>
  );
}

/** How long still, as a range where one is known, and when it ends. */
function Left({ snapshot, watch, words, compact }: IPartProps): React.JSX.Element | null {
  const shownEnd = React.useRef<number | null>(null);
  const left: ILeft | null = leftOf(snapshot, compact, words);
  if (left === null) {
    return null;
  }
  const { estimate } = snapshot;
  if (estimate === null) {
    shownEnd.current = null;
    return <span>{left.main}</span>;
  }
  const heardAt = snapshot.hub?.changed_at ?? watch.now;
  shownEnd.current = steadyEnd(shownEnd.current, heardAt + estimate.p50_s, watch.now);
  return (
    <>
      <b>{left.main}</b>
      {left.range !== null && <span>{compact ? left.range : ` (${left.range})`}</span>}
      {!compact && (
        <span className="pk-ends">{words.__('ends %1', moment(shownEnd.current, watch.now))}</span>
      )}
    </>
  );
}

/** The quieter numbers: counter, rate, message, metrics, elapsed. */
function Foot({ snapshot, look, watch, words, compact }: IPartProps): React.JSX.Element {
  const elapsed = useSteady(snapshot.id, elapsedAt(snapshot, watch.now), 3);
  const stage = currentStage(snapshot);
  const message = [snapshot.message, stage?.message].filter(Boolean).join(' · ');
  const counted = stage !== null && (stage.done > 0 || stage.total !== null);
  // Beside the name of the stage there is no room for the unit in the panel; bytes need theirs.
  const unit =
    stage === null || (compact && snapshot.stages.length > 1 && !isBytes(stage.unit))
      ? ''
      : stage.unit;
  return (
    <div className="pk-foot">
      {stage !== null && snapshot.stages.length > 1 && (
        <span className={compact ? 'pk-stage' : 'pk-stage pk-when-narrow'}>{stage.name}</span>
      )}
      {counted && (
        <span
          className="pk-count"
          style={roomFor(progress(stage.total ?? stage.done, stage.total, unit))}
        >
          {progress(stage.done, stage.total, unit)}
        </span>
      )}
      {!compact &&
        stage?.counters.map(counter => (
          <span key={counter.name} className="pk-count pk-nested">
            {counter.name} {progress(counter.done, counter.total, counter.unit)}
          </span>
        ))}
      {look === 'running' && stage !== null && stage.rate !== null && (
        <span className="pk-rate">{rate(stage.rate, stage.unit)}</span>
      )}
      <span className="pk-message" title={message || undefined}>
        {compact ? '' : message}
      </span>
      {!compact && <Metrics snapshot={snapshot} />}
      <span className="pk-end">
        {compact
          ? snapshot.fraction !== null && percent(snapshot.fraction)
          : elapsed !== null && <span title={words.__('elapsed')}>{duration(elapsed)}</span>}
      </span>
    </div>
  );
}

/** Its one line: what was done, in which time. */
function Succeeded({ snapshot, look, watch, words, compact }: IPartProps): React.JSX.Element {
  return (
    <div
      className="pk-head"
      role="progressbar"
      aria-label={snapshot.name}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={snapshot.ended_early ? Math.floor(100 * (snapshot.fraction ?? 1)) : 100}
      aria-valuetext={spokenOf(snapshot, look, watch, words)}
    >
      <LookIcon look={look} />
      <span className="pk-name" title={snapshot.name}>
        {snapshot.name}
      </span>
      <span className="pk-sub">
        <span className="pk-outcome">{outcomeOf(snapshot, words)}</span>
        {!compact && (
          <span className="pk-left">
            <Metrics snapshot={snapshot} />
          </span>
        )}
      </span>
    </div>
  );
}

function Failure({ snapshot, words }: IPartProps): React.JSX.Element {
  const text = failureOf(snapshot, words);
  return (
    <div className="pk-foot">
      <span className="pk-message pk-bad" title={text}>
        {text}
      </span>
    </div>
  );
}

function Caution({ snapshot, look, words, compact }: IPartProps): React.JSX.Element | null {
  const text = compact ? null : cautionOf(snapshot, look, words);
  return text === null ? null : <div className="pk-caution">{text}</div>;
}

/** As many as have room; `count` says how many were left out. */
function Metrics({ snapshot }: { snapshot: Snapshot }): React.JSX.Element | null {
  const metrics = metricsOf(snapshot);
  if (metrics.length === 0) {
    return null;
  }
  const shown = metrics.slice(0, MOST_METRICS);
  return (
    <span className="pk-metrics" title={metrics.map(pair => pair.join(' ')).join('\n')}>
      {shown.map(([name, value]) => (
        <span key={name} className="pk-metric">
          {name} {value}
        </span>
      ))}
      {metrics.length > shown.length && <span>+{count(metrics.length - shown.length)}</span>}
    </span>
  );
}

const MOST_METRICS = 4;

/** Room for a text at its longest, so that its neighbours stay where they are while it grows. */
function roomFor(longest: string): React.CSSProperties {
  const digits = longest.replace(/\D/g, '').length;
  return { minWidth: `${digits + 0.6 * (longest.length - digits)}ch` };
}
