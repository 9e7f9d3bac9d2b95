import * as React from 'react';

import {
  type IRun,
  type ISpan,
  type IUsual,
  type IPrediction,
  lengthOf,
  sharesOf
} from '../../model';
import type { Snapshot } from '../../protocol';
import { duration, moment } from '../format';
import { Icon } from '../icons';
import type { IWords } from '../words';
import { DeleteButton } from './delete-button';
import { EstimatePlot } from './estimate-plot';
import { Gantt } from './gantt';
import { KindPlot } from './kind-plot';
import { kindName, normalText, outcomeText, runsText } from './texts';
import { WhereTimeWent } from './where-time-went';

/** What there is to know of one run beside what the table shows. */
export interface IRunDetails {
  readonly snapshot: Snapshot;
  readonly spans: readonly ISpan[];
  readonly predictions: readonly IPrediction[];
  /** Stage → the seconds that it usually takes. */
  readonly usualStages: ReadonlyMap<string, number>;
}

export interface IDetailsProps {
  readonly run: IRun;
  /** The runs of its kind, in the order of time. */
  readonly siblings: readonly IRun[];
  /** The operations of a kind that have not ended. */
  readonly live: (kind: string) => readonly Snapshot[];
  readonly usual: ReadonlyMap<string, IUsual>;
  readonly clock: { now(): number };
  readonly load: (id: string) => Promise<IRunDetails>;
  readonly onSelect: (id: string) => void;
  readonly onClose: () => void;
  readonly onKind: (kind: string) => void;
  readonly onDelete: (run: IRun) => Promise<string | null>;
  /** Open the notebook where it ran; null where there is none to open. */
  readonly onOpen: ((snapshot: Snapshot) => void) | null;
  readonly words: IWords;
}

type Loaded = { id: string } & ({ details: IRunDetails } | { error: string });

/** One run: is it normal, where did the time go, and was the estimate right. */
export function RunDetails(props: IDetailsProps): React.JSX.Element {
  const { run, siblings, live, usual, clock, load, words } = props;
  const { onSelect, onClose, onKind, onDelete, onOpen } = props;
  const [loaded, setLoaded] = React.useState<Loaded | null>(null);
  const { id } = run;
  const section = React.useRef<HTMLElement>(null);
  React.useEffect(() => {
    // The keyboard follows who opened it, and is taken from nobody else.
    const { current } = section;
    if (current?.closest('.pk-history')?.contains(document.activeElement) === true) {
      current.focus({ preventScroll: true });
    }
  }, [id]);
  React.useEffect(() => {
    let gone = false;
    load(id).then(
      details => !gone && setLoaded({ id, details }),
      (error: unknown) => !gone && setLoaded({ id, error: (error as Error).message })
    );
    return () => {
      gone = true;
    };
  }, [id, load]);
  const current = loaded?.id === id ? loaded : null;
  const details = current !== null && 'details' in current ? current.details : null;
  const normal = normalText(run, usual, words);
  const known = run.kind === null ? undefined : usual.get(run.kind);
  return (
    <section
      ref={section}
      tabIndex={-1}
      className="pk-run-details"
      aria-label={words.__('Run: %1', run.name)}
      onKeyDown={event => {
        if (event.key === 'Escape') {
          onClose();
        }
      }}
    >
      <header className="pk-run-details-head">
        <span className={`pk-run-details-icon pk-is-${run.outcome}`}>
          <Icon shape={run.outcome} />
        </span>
        <h2>{run.name}</h2>
        <span className="pk-run-details-actions">
          {details !== null && details.snapshot.origin.notebook !== null && onOpen !== null && (
            <button type="button" className="pk-button" onClick={() => onOpen(details.snapshot)}>
              {words.__('open notebook')}
            </button>
          )}
          <DeleteButton
            key={id}
            label={words.__('delete…')}
            question={words.__('Delete this run for good?')}
            onDelete={() => onDelete(run)}
            words={words}
          />
          <button
            type="button"
            className="pk-button pk-plain"
            aria-label={words.__('Close the run')}
            title={words.__('Close')}
            onClick={onClose}
          >
            <Icon shape="close" />
          </button>
        </span>
      </header>
      <p className="pk-run-details-facts">
        <b>{outcomeText(run.outcome, run.endedEarly, words)}</b>
        {run.duration_s !== null && (
          <span>{words.__('after %1', duration(run.duration_s, true))}</span>
        )}
        {run.startedAt !== null && (
          <span>{words.__('started %1', moment(run.startedAt, clock.now()))}</span>
        )}
        <span>{run.where}</span>
      </p>
      {run.error !== '' && <p className="pk-bad pk-run-details-error">{run.error}</p>}

      <h3>{words.__('Is this run normal?')}</h3>
      {normal !== null && <p className="pk-answer">{normal}</p>}
      {siblings.length > 1 && (
        <KindPlot
          runs={siblings}
          live={() => live(run.kind ?? '')}
          usual={known}
          selected={id}
          clock={clock}
          onSelect={onSelect}
          words={words}
        />
      )}
      {run.kind !== null && (
        <button
          type="button"
          className="pk-button pk-plain pk-run-details-kind"
          title={run.kind}
          onClick={() => onKind(run.kind ?? '')}
        >
          {words.__('all of %1: %2', kindName(run.kind), runsText(siblings.length, words))}
        </button>
      )}
      {current === null && <p className="pk-quiet">{words.__('loading…')}</p>}
      {current !== null && 'error' in current && (
        <p className="pk-bad" role="alert">
          {words.__('The server did not tell more: %1', current.error)}
        </p>
      )}
      {details !== null && <Insight details={details} words={words} />}
    </section>
  );
}

function Insight({ details, words }: { details: IRunDetails; words: IWords }): React.JSX.Element {
  const { snapshot, spans, predictions, usualStages } = details;
  const stages = React.useMemo(() => sharesOf(snapshot.stages), [snapshot]);
  const length_s = lengthOf(snapshot, spans);
  const succeeded = snapshot.state === 'succeeded';
  return (
    <>
      <h3>{words.__('Where the time went')}</h3>
      <WhereTimeWent stages={stages} spans={spans} usual={usualStages} words={words} />
      {(spans.length > 0 || snapshot.stages.length > 1) && (
        <>
          <h3>{words.__('Stages and workers')}</h3>
          <Gantt stages={stages} spans={spans} length_s={length_s} words={words} />
        </>
      )}
      {succeeded && predictions.length > 0 && (
        <>
          <h3>{words.__('Estimate against truth')}</h3>
          <EstimatePlot
            predictions={predictions}
            end_s={snapshot.elapsed_s ?? length_s}
            words={words}
          />
        </>
      )}
    </>
  );
}
