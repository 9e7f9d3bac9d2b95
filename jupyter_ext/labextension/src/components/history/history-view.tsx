import * as React from 'react';

import {
  EVERYTHING,
  type IReading,
  type IRun,
  type IRunFilter,
  type ISort,
  type IUsual,
  matcher,
  NEWEST_FIRST,
  type Outcome,
  sortRuns
} from '../../model';
import type { Snapshot } from '../../protocol';
import { count } from '../format';
import type { IWords } from '../words';
import { DeleteButton } from './delete-button';
import { KindPlot } from './kind-plot';
import { ThemeContext } from './plot';
import { type IRunDetails, RunDetails } from './run-details';
import { type ExportFormat, RunFilters } from './run-filters';
import { RunTable } from './run-table';
import { kindName, runsText } from './texts';

/** What is looked at: one kind, one run, or all. */
export interface ILook {
  readonly kind: string | null;
  readonly run: string | null;
}

export interface IHistoryProps {
  readonly runs: readonly IRun[];
  readonly usual: ReadonlyMap<string, IUsual>;
  /** Kind → how many runs of it there are. */
  readonly kinds: ReadonlyMap<string, number>;
  /** The operations of a kind that have not ended, the newest last. */
  readonly live: (kind: string) => readonly Snapshot[];
  readonly reading: IReading;
  readonly clock: { now(): number };
  /** The name of the theme: plots are drawn anew when it changes. */
  readonly theme: string;
  readonly look: ILook;
  readonly onLook: (look: ILook) => void;
  /** More of the history is wanted: the next page, all of it, or all of one kind. */
  readonly onWant: (want: 'more' | 'all' | { kind: string }) => void;
  readonly onReload: () => void;
  readonly load: (id: string) => Promise<IRunDetails>;
  readonly onDelete: (run: IRun) => Promise<string | null>;
  readonly onDeleteKind: (kind: string) => Promise<string | null>;
  readonly onExport: (format: ExportFormat, filter: IRunFilter) => Promise<string | null>;
  readonly onOpen: ((snapshot: Snapshot) => void) | null;
  readonly words: IWords;
}

/** The history of a server: a table of past runs, how long those of a kind took, and one run in full. */
export function HistoryView(props: IHistoryProps): React.JSX.Element {
  const { runs, usual, reading, clock, theme, look, onLook, onWant, words } = props;
  const [narrowed, setNarrowed] = React.useState(EVERYTHING);
  const [sort, setSort] = React.useState<ISort>(NEWEST_FIRST);
  const [closed, setClosed] = React.useState<{ id: string } | null>(null);
  const { kind, run: id } = look;
  const filter = React.useMemo<IRunFilter>(() => ({ ...narrowed, kind }), [narrowed, kind]);

  const passing = React.useMemo(
    () => runs.filter(matcher({ ...filter, outcome: null })),
    [runs, filter]
  );
  const outcomes = React.useMemo(() => outcomesOf(passing), [passing]);
  const shown = React.useMemo(
    () =>
      sortRuns(passing.filter(matcher({ ...EVERYTHING, outcome: filter.outcome })), sort, usual),
    [passing, filter.outcome, sort, usual]
  );
  const selected = id === null ? undefined : runs.find(run => run.id === id);
  const compared = kind ?? selected?.kind ?? null;
  const siblings = React.useMemo(
    () => inTime(runs, selected?.kind ?? kind),
    [runs, selected?.kind, kind]
  );

  // To search or to sort by anything but time needs all that there is.
  const wantsAll =
    filter.text !== '' || filter.outcome !== null || sort.key !== 'started' || !sort.descending;
  React.useEffect(() => {
    if (wantsAll) {
      onWant('all');
    }
  }, [wantsAll, onWant]);
  React.useEffect(() => {
    if (compared !== null) {
      onWant({ kind: compared });
    }
  }, [compared, onWant]);
  const { complete, busy } = reading;
  const onEnd = React.useCallback(() => {
    if (!complete && !busy) {
      onWant('more');
    }
  }, [complete, busy, onWant]);

  return (
    <ThemeContext.Provider value={theme}>
      <div className={`pk-history${selected === undefined ? '' : ' pk-history-with-run'}`}>
        <RunFilters
          filter={filter}
          kinds={[...props.kinds]}
          outcomes={outcomes}
          onChange={next => {
            setNarrowed(next);
            if (next.kind !== kind) {
              onLook({ kind: next.kind, run: null });
            }
          }}
          onReload={props.onReload}
          onExport={format => props.onExport(format, filter)}
          words={words}
        />
        {reading.error !== null && (
          <p className="pk-history-error pk-bad" role="alert">
            {words.__('The history could not be read: %1', reading.error)}
            <button type="button" className="pk-button" onClick={props.onReload}>
              {words.__('try again')}
            </button>
          </p>
        )}
        <div className="pk-history-body">
          <div className="pk-history-list">
            {kind !== null && selected === undefined && (
              <KindHead {...props} kind={kind} siblings={siblings} />
            )}
            {shown.length === 0 && !busy ? (
              <p className="pk-empty">
                {runs.length === 0
                  ? words.__(
                      'No run has ended yet. Each operation that a notebook or a script reports is kept here when it ends.'
                    )
                  : words.__('No run matches.')}
              </p>
            ) : (
              <RunTable
                runs={shown}
                usual={usual}
                sort={sort}
                selected={id}
                focus={closed}
                clock={clock}
                onSort={setSort}
                onSelect={run => onLook({ kind, run })}
                onEnd={onEnd}
                words={words}
              />
            )}
            <div className="pk-history-foot" role="status">
              {footText(shown.length, passing.length, reading, words)}
            </div>
          </div>
          {selected !== undefined && (
            <RunDetails
              run={selected}
              siblings={siblings}
              live={props.live}
              usual={usual}
              clock={clock}
              load={props.load}
              onSelect={run => onLook({ kind, run })}
              onClose={() => {
                setClosed({ id: selected.id });
                onLook({ kind, run: null });
              }}
              onKind={chosen => onLook({ kind: chosen, run: null })}
              onDelete={props.onDelete}
              onOpen={props.onOpen}
              words={words}
            />
          )}
        </div>
      </div>
    </ThemeContext.Provider>
  );
}

function KindHead(
  props: IHistoryProps & { kind: string; siblings: readonly IRun[] }
): React.JSX.Element {
  const { kind, siblings, live, usual, clock, look, onLook, onDeleteKind, words } = props;
  return (
    <section className="pk-kind" aria-label={words.__('Durations of %1', kindName(kind))}>
      <div className="pk-kind-head">
        <h2 title={kind}>{kindName(kind)}</h2>
        <DeleteButton
          key={kind}
          label={words.__('delete all…')}
          question={words.__('Delete all runs of this kind for good?')}
          onDelete={() => onDeleteKind(kind)}
          words={words}
        />
      </div>
      {siblings.length > 1 && (
        <KindPlot
          runs={siblings}
          live={() => live(kind)}
          usual={usual.get(kind)}
          selected={null}
          clock={clock}
          onSelect={run => onLook({ ...look, run })}
          words={words}
        />
      )}
    </section>
  );
}

function outcomesOf(runs: readonly IRun[]): Map<Outcome, number> {
  const outcomes = new Map<Outcome, number>();
  for (const { outcome } of runs) {
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
  }
  return outcomes;
}

function inTime(runs: readonly IRun[], kind: string | null): IRun[] {
  return kind === null
    ? []
    : runs.filter(run => run.kind === kind).sort((a, b) => (a.startedAt ?? 0) - (b.startedAt ?? 0));
}

function footText(shown: number, known: number, reading: IReading, words: IWords): string {
  const parts = [
    shown === known
      ? runsText(shown, words)
      : words.__('%1 of %2', count(shown), runsText(known, words))
  ];
  if (reading.busy) {
    parts.push(words.__('reading…'));
  } else if (!reading.complete) {
    parts.push(words.__('older ones come when you scroll'));
  }
  return parts.join(' · ');
}
