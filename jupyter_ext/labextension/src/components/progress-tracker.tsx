import * as React from 'react';

import { Follower, type IPace, type IRequest } from '../model';
import { isTerminal, type Snapshot } from '../protocol';
import { Button } from './button';
import { Controls } from './controls';
import { Details } from './details';
import { Caution, Failure, Foot, More } from './foot';
import { Head, Succeeded } from './head';
import { CloseIcon, Icon } from './icons';
import type { IActions, IPartProps } from './parts';
import { StageBar, StageNames } from './stage-bar';
import { TaskRows } from './task-rows';
import { spokenOf } from './texts';
import { useTick } from './use-now';
import { type IWatch, lookOf, slowdownOf, stalledFor } from './view';
import { english, isolate, type IWords } from './words';

/** What a page remembers of the operations that it saw. */
export interface IMemory {
  /** How it has counted lately; null where nobody watched. */
  pace(id: string): IPace | null;
  /** The course of a metric, oldest first. */
  trend(id: string, metric: string): readonly number[];
}

export interface IProgressTrackerProps {
  readonly snapshot: Snapshot;
  /** The hub's clock, in seconds. */
  readonly clock: { now(): number };
  /** Since when this viewer's line is down, in milliseconds of its own clock; null while it is up. */
  readonly offlineSince?: number | null;
  /** False when the snapshot comes from a saved output and the hub does not know the operation. */
  readonly known?: boolean;
  /** `panel` is denser, and asks before it cancels. */
  readonly variant?: 'cell' | 'panel';
  readonly memory?: IMemory;
  /** What earlier runs of its kind took in the median, in seconds; null where there are none. */
  readonly usual_s?: number | null;
  /** What can be done about it; without it there are no buttons but that for the details. */
  readonly actions?: IActions;
  /** What was asked of it last from this page. */
  readonly request?: IRequest | null;
  /** Whether its details are open; left out, the operation keeps that itself. */
  readonly expanded?: boolean;
  readonly onExpand?: (id: string, expanded: boolean) => void;
  readonly words?: IWords;
}

/** In the panel so many tasks are shown before the details are opened. */
const FIRST_TASKS = 3;

/** One operation, as it stands, in the words and the shape of its state. */
export function ProgressTracker(props: IProgressTrackerProps): React.JSX.Element {
  const { clock, offlineSince = null, known = true, variant = 'cell', memory } = props;
  const words = props.words ?? english;
  const follower = React.useRef<Follower | null>(null);
  follower.current ??= new Follower();
  const now = clock.now();
  const offlineFor_s =
    offlineSince === null ? null : Math.max(0, (Date.now() - offlineSince) / 1000);
  const { id } = props.snapshot;
  const { snapshot, bar, simulated } = follower.current.show(props.snapshot, now, offlineFor_s);
  const watch: IWatch = { now, offlineFor_s, simulated, known, pace: memory?.pace(id) ?? null };
  const look = lookOf(snapshot, watch);
  const terminal = isTerminal(snapshot.state);
  useTick(!terminal && look !== 'unknown');
  const panel = variant === 'panel';
  const view: IPartProps = {
    snapshot,
    bar,
    look,
    watch,
    words,
    panel,
    usual_s: props.usual_s ?? null,
    trend: metric => memory?.trend(id, metric) ?? [],
    actions: props.actions ?? null,
    request: props.request ?? null
  };
  const [opened, setOpened] = React.useState(false);
  const expanded = props.expanded ?? opened;
  const detailsId = `pk-details-${variant}-${id}`;
  const toggle = (
    <Toggle
      {...view}
      expanded={expanded}
      detailsId={detailsId}
      onToggle={() => {
        setOpened(!expanded);
        props.onExpand?.(id, !expanded);
      }}
    />
  );
  const ends = {
    before: panel ? toggle : null,
    after: panel ? <Dismiss {...view} /> : terminal ? toggle : <Controls {...view} />
  };
  const marks = [
    stalledFor(snapshot, watch) !== null && 'pk-stalled',
    slowdownOf(snapshot, look) !== null && 'pk-slower',
    expanded && 'pk-open'
  ];
  return (
    <div
      className={['pk-operation', `pk-${variant}`, `pk-look-${look}`, ...marks]
        .filter(Boolean)
        .join(' ')}
      role="group"
      aria-label={isolate(snapshot.name)}
      data-operation={id}
    >
      {look === 'succeeded' ? (
        <Succeeded {...view} {...ends} />
      ) : (
        <>
          <Head {...view} {...ends} />
          <StageBar
            stages={bar}
            current={snapshot.stage}
            label={isolate(snapshot.name)}
            fraction={snapshot.fraction}
            open={!terminal}
            aria-valuetext={spokenOf(snapshot, look, watch, words)}
          />
          {!panel && <StageNames stages={bar} current={snapshot.stage} />}
          {!expanded && !terminal && (
            <TaskRows snapshot={snapshot} most={FIRST_TASKS} words={words} />
          )}
          {look === 'failed' ? (
            <Failure {...view} />
          ) : (
            !terminal && (
              <Foot {...view} after={panel ? <Controls {...view} /> : isDeep(snapshot) && toggle} />
            )
          )}
          {!terminal && !expanded && <More {...view} />}
          <Caution {...view} />
        </>
      )}
      {expanded && <Details {...view} id={detailsId} />}
    </div>
  );
}

/** Whether the details would say more than what is shown without them. */
function isDeep({ stages, tasks }: Snapshot): boolean {
  return stages.length > 1 || tasks.length > 0;
}

interface IToggleProps extends IPartProps {
  expanded: boolean;
  detailsId: string;
  onToggle: () => void;
}

/** Opens and closes the details: a small arrow in the panel, a word in the cell. */
function Toggle(props: IToggleProps): React.JSX.Element {
  const { snapshot, words, panel, expanded, detailsId, onToggle } = props;
  return (
    <Button
      plain
      className="pk-toggle"
      aria-label={words.__('Details of %1', isolate(snapshot.name))}
      aria-expanded={expanded}
      aria-controls={expanded ? detailsId : undefined}
      onClick={onToggle}
    >
      {panel ? <Icon shape={expanded ? 'down' : 'right'} /> : words.__('details')}
    </Button>
  );
}

/** Puts an ended operation away. */
function Dismiss({ snapshot, words, actions }: IPartProps): React.JSX.Element | null {
  const dismiss = actions?.dismiss;
  return dismiss === undefined || !isTerminal(snapshot.state) ? null : (
    <Button
      plain
      className="pk-dismiss"
      aria-label={words.__('Dismiss %1', isolate(snapshot.name))}
      title={words.__('Dismiss')}
      onClick={() => dismiss(snapshot)}
    >
      <CloseIcon />
    </Button>
  );
}
