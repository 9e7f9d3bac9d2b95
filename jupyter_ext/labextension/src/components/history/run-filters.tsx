import * as React from 'react';

import { type IRunFilter, type Outcome, OUTCOMES } from '../../model';
import { count } from '../format';
import type { IWords } from '../words';
import { kindNames, outcomeText } from './texts';

export type ExportFormat = 'csv' | 'json';

interface IFiltersProps {
  readonly filter: IRunFilter;
  /** The kinds to choose from, and how many runs each has. */
  readonly kinds: readonly (readonly [kind: string, runs: number])[];
  /** How many runs of each outcome pass the rest of the filter. */
  readonly outcomes: ReadonlyMap<Outcome, number>;
  readonly onChange: (filter: IRunFilter) => void;
  readonly onReload: () => void;
  /** Resolves with null when the file is written, else with what was wrong. */
  readonly onExport: (format: ExportFormat) => Promise<string | null>;
  readonly words: IWords;
}

/** What narrows the table down, and takes it out. */
export function RunFilters(props: IFiltersProps): React.JSX.Element {
  const { filter, kinds, outcomes, onChange, onReload, onExport, words } = props;
  const names = kindNames(kinds.map(([kind]) => kind));
  const [exporting, setExporting] = React.useState<ExportFormat | { refused: string } | null>(null);
  const out = async (format: ExportFormat): Promise<void> => {
    setExporting(format);
    const refused = await onExport(format).catch((error: unknown) => String(error));
    setExporting(refused === null ? null : { refused });
  };
  return (
    <div className="pk-history-head">
      <div className="pk-history-tools" role="search" aria-label={words.__('Find runs')}>
        <input
          type="search"
          className="pk-input pk-run-search"
          placeholder={words.__('Search name, place, error')}
          aria-label={words.__('Search name, place, error')}
          value={filter.text}
          onChange={event => onChange({ ...filter, text: event.target.value })}
        />
        <select
          className="pk-input pk-kinds"
          aria-label={words.__('Kind of run')}
          value={filter.kind ?? ''}
          onChange={event => onChange({ ...filter, kind: event.target.value || null })}
        >
          <option value="">{words.__('all kinds')}</option>
          {kinds.map(([kind, runs]) => (
            <option key={kind} value={kind} title={kind}>
              {`${names.get(kind)}: ${count(runs)}`}
            </option>
          ))}
        </select>
      </div>
      <div className="pk-run-chips" role="group" aria-label={words.__('Outcome')}>
        <Chip
          pressed={filter.outcome === null}
          onPress={() => onChange({ ...filter, outcome: null })}
          text={words.__('all')}
        />
        {OUTCOMES.map(outcome => (
          <Chip
            key={outcome}
            pressed={filter.outcome === outcome}
            onPress={() =>
              onChange({ ...filter, outcome: filter.outcome === outcome ? null : outcome })
            }
            text={`${outcomeText(outcome, false, words)} ${count(outcomes.get(outcome) ?? 0)}`}
          />
        ))}
      </div>
      <div className="pk-history-actions">
        {exporting !== null && typeof exporting === 'object' && (
          <span className="pk-bad" role="alert">
            {words.__('not exported: %1', exporting.refused)}
          </span>
        )}
        {(['csv', 'json'] as const).map(format => (
          <button
            key={format}
            type="button"
            className="pk-button"
            aria-label={words.__('Export as %1', format.toUpperCase())}
            title={words.__('Export what is shown, all of it, as %1', format.toUpperCase())}
            disabled={exporting === 'csv' || exporting === 'json'}
            onClick={() => void out(format)}
          >
            {exporting === format ? words.__('exporting…') : format.toUpperCase()}
          </button>
        ))}
        <button
          type="button"
          className="pk-button pk-plain"
          title={words.__('Read the history anew')}
          onClick={onReload}
        >
          {words.__('reload')}
        </button>
      </div>
    </div>
  );
}

interface IChipProps {
  pressed: boolean;
  onPress: () => void;
  text: string;
}

function Chip({ pressed, onPress, text }: IChipProps): React.JSX.Element {
  return (
    <button type="button" className="pk-run-chip" aria-pressed={pressed} onClick={onPress}>
      {text}
    </button>
  );
}
