import * as React from 'react';

import { elapsedAt, pausedAt } from '../model';
import { isTerminal } from '../protocol';
import { Button } from './button';
import { duration, moment } from './format';
import type { IPartProps } from './parts';
import { Share } from './share';
import { Sparkline } from './sparkline';
import { StageRows } from './stage-rows';
import { TaskRows } from './task-rows';
import { metricsOf, processText } from './texts';
import { isolate } from './words';

/** What an operation has to say beyond its first lines. */
export function Details(props: IPartProps & { id: string }): React.JSX.Element {
  const { snapshot, words, id } = props;
  return (
    <div className="pk-details" id={id}>
      <StageRows stages={snapshot.stages} words={words} />
      <TaskRows snapshot={snapshot} most={64} words={words} />
      <MetricRows {...props} />
      {snapshot.message !== '' && <bdi className="pk-text">{snapshot.message}</bdi>}
      <Facts {...props} />
      <Buttons {...props} />
    </div>
  );
}

function MetricRows({ snapshot, trend, words }: IPartProps): React.JSX.Element | null {
  const metrics = metricsOf(snapshot);
  return metrics.length === 0 ? null : (
    <ul className="pk-metric-rows" aria-label={words.__('Metrics')}>
      {metrics.map(([name, value]) => (
        <li key={name} className="pk-metric-row">
          <bdi className="pk-metric-name" title={name}>
            {name}
          </bdi>
          <Sparkline values={trend(name)} />
          <span>{value}</span>
        </li>
      ))}
    </ul>
  );
}

/** When it began and ended, how long it took and usually takes, and in which process it runs. */
function Facts(props: IPartProps): React.JSX.Element {
  const { snapshot, watch, words, usual_s } = props;
  const { started_at, ended_at, origin } = snapshot;
  const elapsed = elapsedAt(snapshot, watch.now);
  const paused = pausedAt(snapshot, watch.now);
  const facts = [
    started_at === null ? null : words.__('started %1', moment(started_at, watch.now)),
    ended_at === null ? null : words.__('ended %1', moment(ended_at, watch.now)),
    elapsed === null || (isTerminal(snapshot.state) && snapshot.state === 'succeeded')
      ? null
      : words.__('elapsed %1', duration(elapsed)),
    paused < 1 ? null : words.__('paused for %1', duration(paused)),
    snapshot.estimate === null || snapshot.estimate.why === ''
      ? null
      : isolate(snapshot.estimate.why),
    usual_s === null ? null : words.__('usually %1', duration(usual_s, true)),
    origin.pid === null && origin.host === null ? null : processText(origin, words)
  ].filter(fact => fact !== null);
  return (
    <div className="pk-facts">
      {facts.map(fact => (
        <span key={fact}>{fact}</span>
      ))}
    </div>
  );
}

function Buttons({ snapshot, words, actions, panel }: IPartProps): React.JSX.Element | null {
  const [copied, setCopied] = React.useState(false);
  const [shares, setShares] = React.useState(false);
  if (!panel) {
    return null;
  }
  const name = isolate(snapshot.name);
  const goTo = actions?.goTo;
  const sharing = actions?.sharing;
  const dismiss = isTerminal(snapshot.state) ? actions?.dismiss : undefined;
  const copy = (): void => {
    copyText(snapshot.id).then(
      () => setCopied(true),
      // Without permission, or over plain http: the id beside the button can be marked by hand.
      () => setCopied(false)
    );
  };
  return (
    <div className="pk-buttons">
      {goTo !== undefined && (
        <Button plain onClick={() => goTo(snapshot)}>
          {words.__('go to the cell')}
        </Button>
      )}
      <Button plain aria-label={words.__('Copy id of %1', name)} onClick={copy}>
        {copied ? words.__('copied') : words.__('copy id')}
      </Button>
      <code className="pk-id">{snapshot.id}</code>
      {sharing !== undefined && (
        <Button
          plain
          aria-label={words.__('Share %1…', name)}
          aria-expanded={shares}
          onClick={() => setShares(!shares)}
        >
          {words.__('share…')}
        </Button>
      )}
      {dismiss !== undefined && (
        <Button plain aria-label={words.__('Dismiss %1', name)} onClick={() => dismiss(snapshot)}>
          {words.__('dismiss')}
        </Button>
      )}
      {sharing !== undefined && shares && (
        <Share snapshot={snapshot} sharing={sharing} words={words} />
      )}
    </div>
  );
}

async function copyText(text: string): Promise<void> {
  await navigator.clipboard.writeText(text);
}
