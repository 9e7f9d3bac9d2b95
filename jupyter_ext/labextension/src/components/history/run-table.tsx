import { defaultRangeExtractor, type Range, useVirtualizer } from '@tanstack/react-virtual';
import * as React from 'react';

import { type IRun, type ISort, type IUsual, ratioOf, SLOW, type SortKey } from '../../model';
import { duration, moment } from '../format';
import { Icon } from '../icons';
import { observeListSize } from '../list-size';
import type { IWords } from '../words';
import { outcomeText, ratioText } from './texts';

const ROW_PX = 28;
/** So many rows before the last one the next page is asked for. */
const AHEAD = 20;

interface ITableProps {
  /** The runs to show, in order. */
  readonly runs: readonly IRun[];
  readonly usual: ReadonlyMap<string, IUsual>;
  readonly sort: ISort;
  readonly selected: string | null;
  /** The run whose row gets the keyboard, once for each new value. */
  readonly focus: { readonly id: string } | null;
  readonly clock: { now(): number };
  readonly onSort: (sort: ISort) => void;
  readonly onSelect: (id: string) => void;
  /** The last rows come into view. */
  readonly onEnd: () => void;
  readonly words: IWords;
}

/** The runs as a table of which only what is in view exists. Arrows walk, Enter opens. */
export function RunTable(props: ITableProps): React.JSX.Element {
  const { runs, usual, sort, selected, focus, clock, onSort, onSelect, onEnd, words } = props;
  const scroller = React.useRef<HTMLDivElement>(null);
  const [active, setActive] = React.useState<string | null>(selected);
  const at = React.useMemo(() => {
    const place = runs.findIndex(run => run.id === (active ?? selected));
    return Math.max(0, place);
  }, [runs, active, selected]);
  const rows = useVirtualizer({
    count: runs.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW_PX,
    getItemKey: place => runs[place]?.id ?? place,
    overscan: 8,
    observeElementRect: observeListSize,
    // The row that Tab leads to is always there, even when it is scrolled out of sight.
    rangeExtractor: React.useCallback(
      (range: Range) => {
        const places = defaultRangeExtractor(range);
        return at < range.count && !places.includes(at)
          ? [...places, at].sort((a, b) => a - b)
          : places;
      },
      [at]
    )
  });
  const items = rows.getVirtualItems();
  const last = items[items.length - 1]?.index ?? 0;
  const near = runs.length > 0 && last >= runs.length - AHEAD;
  React.useEffect(() => {
    if (near) {
      onEnd();
    }
  }, [near, runs.length, onEnd]);

  const wanted = React.useRef<string | null>(null);
  const focusWanted = (element: HTMLElement | null, id: string): void => {
    if (element !== null && wanted.current === id) {
      wanted.current = null;
      element.focus({ preventScroll: true });
    }
  };
  const go = (place: number): void => {
    const nearest = Math.max(0, Math.min(runs.length - 1, place));
    const run = runs[nearest];
    if (run !== undefined) {
      // Where it is far away it comes into being while it is scrolled to.
      wanted.current = run.id;
      setActive(run.id);
      rows.scrollToIndex(nearest);
      const row = scroller.current?.querySelector(`[aria-rowindex="${nearest + 2}"]`);
      focusWanted(row as HTMLElement | null, run.id);
    }
  };
  const goLatest = React.useRef(go);
  goLatest.current = go;
  const order = React.useRef(runs);
  order.current = runs;
  React.useEffect(() => {
    if (focus !== null) {
      goLatest.current(order.current.findIndex(run => run.id === focus.id));
    }
  }, [focus]);
  const onKeyDown = (event: React.KeyboardEvent): void => {
    const page = Math.max(1, Math.floor((scroller.current?.clientHeight ?? 0) / ROW_PX) - 2);
    const steps: Record<string, number> = {
      ArrowDown: at + 1,
      ArrowUp: at - 1,
      PageDown: at + page,
      PageUp: at - page,
      Home: 0,
      End: runs.length - 1
    };
    const step = steps[event.key];
    const run = runs[at];
    if (step !== undefined) {
      event.preventDefault();
      go(step);
    } else if ((event.key === 'Enter' || event.key === ' ') && run !== undefined) {
      event.preventDefault();
      onSelect(run.id);
    }
  };
  return (
    <div
      className="pk-grid"
      role="grid"
      aria-label={words.__('Past runs')}
      aria-rowcount={runs.length + 1}
    >
      <div role="rowgroup">
        <div role="row" aria-rowindex={1} className="pk-grid-row pk-grid-head">
          {columns(words).map(([key, title]) => (
            <Heading key={key} sortKey={key} title={title} sort={sort} onSort={onSort} />
          ))}
        </div>
      </div>
      <div role="rowgroup" ref={scroller} className="pk-grid-body">
        <div role="presentation" className="pk-grid-space" style={{ height: rows.getTotalSize() }}>
          {items.map(({ index, start, key }) => {
            const run = runs[index];
            return run === undefined ? null : (
              <div
                key={key}
                ref={element => focusWanted(element, run.id)}
                role="row"
                aria-rowindex={index + 2}
                aria-selected={run.id === selected}
                tabIndex={index === at ? 0 : -1}
                className="pk-grid-row pk-run"
                style={{ transform: `translateY(${start}px)`, height: ROW_PX }}
                onKeyDown={onKeyDown}
                onClick={() => {
                  setActive(run.id);
                  onSelect(run.id);
                }}
              >
                <Cells run={run} usual={usual} now={clock.now()} words={words} />
              </div>
            );
          })}
        </div>
      </div>
    </div>
  );
}

interface ICellsProps {
  run: IRun;
  usual: ReadonlyMap<string, IUsual>;
  now: number;
  words: IWords;
}

function Cells({ run, usual, now, words }: ICellsProps): React.JSX.Element {
  const ratio = ratioOf(run, usual);
  const slow = ratio !== null && ratio >= SLOW;
  const outcome = outcomeText(run.outcome, run.endedEarly, words);
  return (
    <>
      <span role="gridcell" className="pk-col-name" title={run.kind ?? run.name}>
        {run.name}
      </span>
      <span role="gridcell" className="pk-col-where" title={run.where}>
        {run.where}
      </span>
      <span role="gridcell" className="pk-col-started">
        {run.startedAt === null ? '–' : moment(run.startedAt, now)}
      </span>
      <span role="gridcell" className="pk-col-duration">
        {run.duration_s === null ? '–' : duration(run.duration_s, true)}
      </span>
      <span role="gridcell" className={`pk-col-ratio${slow ? ' pk-slow' : ''}`}>
        {ratio === null ? '–' : ratioText(ratio, words)}
      </span>
      <span role="gridcell" className={`pk-col-outcome pk-is-${run.outcome}`} title={run.error}>
        <Icon shape={run.outcome} />
        <span>{outcome}</span>
      </span>
    </>
  );
}

interface IHeadingProps {
  sortKey: SortKey;
  title: string;
  sort: ISort;
  onSort: (sort: ISort) => void;
}

function Heading({ sortKey, title, sort, onSort }: IHeadingProps): React.JSX.Element {
  const mine = sort.key === sortKey;
  // Texts first from A, numbers and times first from the largest.
  const first = sortKey === 'started' || sortKey === 'duration' || sortKey === 'ratio';
  return (
    <span
      role="columnheader"
      className={`pk-col-${sortKey}`}
      aria-sort={mine ? (sort.descending ? 'descending' : 'ascending') : 'none'}
    >
      <button
        type="button"
        className="pk-sort"
        onClick={() => onSort({ key: sortKey, descending: mine ? !sort.descending : first })}
      >
        {title}
        <span aria-hidden="true">{mine ? (sort.descending ? ' ▾' : ' ▴') : ''}</span>
      </button>
    </span>
  );
}

function columns(words: IWords): [SortKey, string][] {
  return [
    ['name', words.__('name')],
    ['where', words.__('where')],
    ['started', words.__('started')],
    ['duration', words.__('duration')],
    ['ratio', words.__('compared')],
    ['outcome', words.__('outcome')]
  ];
}
