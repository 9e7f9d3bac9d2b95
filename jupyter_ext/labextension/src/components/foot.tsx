import * as React from 'react';

import { elapsedAt } from '../model';
import { Button } from './button';
import { duration, isBytes, percent, progress, rate } from './format';
import { Metrics } from './metrics';
import type { IPartProps } from './parts';
import { cautionOf, countsOf, failureOf } from './texts';
import { useSteady } from './use-now';
import { currentStage } from './view';
import { isolate } from './words';

/** The quieter numbers: counter, rate, message, metrics, elapsed. `after` are the buttons at its end. */
export function Foot(props: IPartProps & { after?: React.ReactNode }): React.JSX.Element {
  const { snapshot, look, watch, words, panel, after } = props;
  const elapsed = useSteady(snapshot.id, elapsedAt(snapshot, watch.now), 3);
  const stage = currentStage(snapshot);
  const message = [snapshot.message, stage?.message].filter(Boolean).join(' · ');
  const counted = stage !== null && (stage.done > 0 || stage.total !== null);
  const several = snapshot.stages.length > 1;
  // Beside the name of the stage there is no room for the unit in the panel; bytes need theirs.
  const unit =
    stage === null || (panel && several && !isBytes(stage.unit)) ? '' : isolate(stage.unit);
  return (
    <div className="pk-foot">
      {stage !== null && several && (
        <bdi className={panel ? 'pk-stage' : 'pk-stage pk-when-narrow'}>{stage.name}</bdi>
      )}
      {counted && (
        <span
          className="pk-count"
          style={roomFor(progress(stage.total ?? stage.done, stage.total, unit))}
        >
          {progress(stage.done, stage.total, unit)}
        </span>
      )}
      {!panel &&
        stage?.counters.map(counter => (
          <span key={counter.name} className="pk-count pk-nested">
            <bdi>{counter.name}</bdi> {countsOf(counter)}
          </span>
        ))}
      {look === 'running' && stage !== null && stage.rate !== null && (
        <span className="pk-rate">
          {rate(stage.rate, panel && !isBytes(stage.unit) ? '' : isolate(stage.unit))}
        </span>
      )}
      <bdi className="pk-message" title={message || undefined}>
        {panel ? '' : message}
      </bdi>
      {!isCrowded(props) && <Metrics {...props} />}
      <span className="pk-end">
        {panel
          ? snapshot.fraction !== null && <span>{percent(snapshot.fraction)}</span>
          : elapsed !== null && <span title={words.__('elapsed')}>{duration(elapsed)}</span>}
        {after}
      </span>
    </div>
  );
}

/** What has no room in the foot: what the estimate waits for, and the metrics. */
export function More(props: IPartProps): React.JSX.Element | null {
  const why = whyOf(props);
  return isCrowded(props) ? (
    <div className="pk-foot pk-more-foot">
      {why !== '' && (
        <bdi className="pk-why" title={why}>
          {why}
        </bdi>
      )}
      <Metrics {...props} />
    </div>
  ) : null;
}

/** Whether the metrics need a line of their own: beside other things they would be cut off. */
function isCrowded(props: IPartProps): boolean {
  const { snapshot, panel } = props;
  const metrics = Object.keys(snapshot.metrics).length;
  const crowded = panel || (currentStage(snapshot)?.counters.length ?? 0) > 0 || metrics > 1;
  return whyOf(props) !== '' || (metrics > 0 && crowded);
}

function whyOf({ snapshot, look }: IPartProps): string {
  return look === 'running' || look === 'simulated' ? (snapshot.estimate?.why ?? '') : '';
}

/** Why it failed, and the way to where it failed. */
export function Failure({ snapshot, words, actions }: IPartProps): React.JSX.Element {
  const text = failureOf(snapshot, words);
  const goTo = actions?.goTo;
  return (
    <div className="pk-foot">
      <bdi className="pk-message pk-bad" title={text}>
        {text}
      </bdi>
      {goTo !== undefined && (
        <span className="pk-end">
          <Button onClick={() => goTo(snapshot)}>{words.__('go to the cell')}</Button>
        </span>
      )}
    </div>
  );
}

/** What may and may not be concluded from a doubtful state. */
export function Caution({ snapshot, look, words, panel }: IPartProps): React.JSX.Element | null {
  // What the line does is said once, at the panel's foot.
  const said = panel && (look === 'offline' || look === 'simulated');
  const text = said ? null : cautionOf(snapshot, look, words);
  return text === null ? null : <div className="pk-caution">{text}</div>;
}

/** Room for a text at its longest, so that its neighbours stay where they are while it grows. */
function roomFor(longest: string): React.CSSProperties {
  const digits = longest.replace(/\D/g, '').length;
  return { minWidth: `${digits + 0.6 * (longest.length - digits)}ch` };
}
