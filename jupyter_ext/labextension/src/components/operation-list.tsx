import { defaultRangeExtractor, type Range, useVirtualizer } from '@tanstack/react-virtual';
import * as React from 'react';

import type { IOperationRow, IRequest, Row } from '../model';
import { isTerminal, type Snapshot } from '../protocol';
import { Reach } from './button';
import { GroupHeader } from './group-header';
import { observeListSize } from './list-size';
import { type IRowContext, OperationRow } from './operation-row';
import { rowAfterKey } from './row-keys';

export interface IOperationListProps {
  readonly rows: readonly Row[];
  readonly get: (id: string) => Snapshot | undefined;
  readonly requestOf: (id: string) => IRequest | null;
  readonly expanded: ReadonlySet<string>;
  readonly offlineSince: number | null;
  readonly onCollapse: (group: string) => void;
  readonly context: IRowContext;
}

/** Heights before the rows are measured, in pixels. */
const GROUP_HEIGHT = 28;
const LIVE_HEIGHT = 72;
const ENDED_HEIGHT = 34;
/** Rows beyond the edges that are kept, so that scrolling does not show holes. */
const OVERSCAN = 4;

/**
 * The rows, of which only those on the screen are in the page, as a tree that the arrow keys go through. The keyboard
 * is at one row at a time: Tab leads from there into its buttons, and from the last one out of the list.
 */
export function OperationList(props: IOperationListProps): React.JSX.Element {
  const { rows, get, expanded, onCollapse, context } = props;
  const scroller = React.useRef<HTMLDivElement>(null);
  const [activeKey, setActiveKey] = React.useState<string | null>(null);
  const moved = React.useRef(false);
  const found = rows.findIndex(row => row.key === activeKey);
  const lastFound = React.useRef(0);
  // The row that the keyboard was at may be gone: then the one in its place is next.
  const active = found >= 0 ? found : Math.min(lastFound.current, rows.length - 1);
  lastFound.current = Math.max(0, active);

  // Kept while the rows stay: with another function the list would place all of its rows anew.
  const getItemKey = React.useCallback((index: number) => rows[index]?.key ?? index, [rows]);
  const virtualizer = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    getItemKey,
    estimateSize: index => heightOf(rows[index], get),
    overscan: OVERSCAN,
    // The row of the keyboard stays in the page wherever it is scrolled to, or the focus would be lost.
    rangeExtractor: (range: Range) => withIndex(defaultRangeExtractor(range), active),
    observeElementRect: observeListSize,
    useFlushSync: false,
    useAnimationFrameWithResizeObserver: true
  });

  const goTo = (index: number): void => {
    const row = rows[index];
    if (row !== undefined) {
      moved.current = true;
      setActiveKey(row.key);
      virtualizer.scrollToIndex(index, { align: 'auto' });
    }
  };
  React.useLayoutEffect(() => {
    if (moved.current) {
      moved.current = false;
      elementOf(scroller.current, rows[active]?.key)?.focus({ preventScroll: true });
    }
  });

  const onKeyDown = (event: React.KeyboardEvent<HTMLElement>): void => {
    const row = rows[active];
    const onRow = event.target instanceof HTMLElement && event.target.dataset.key === row?.key;
    if (row === undefined || event.altKey || event.ctrlKey || event.metaKey) {
      return;
    }
    const next = rowAfterKey(event.key, active, rows, expanded);
    if (event.key === 'Escape' && !onRow) {
      goTo(active);
    } else if (next === null || (!onRow && !event.key.startsWith('Arrow'))) {
      return;
    } else if (typeof next === 'number') {
      goTo(next);
    } else if (row.kind === 'group') {
      onCollapse(row.key);
    } else if (next === 'toggle') {
      context.onExpand(row.key, !expanded.has(row.key));
    } else {
      const snapshot = get(row.key);
      if (snapshot === undefined || !isTerminal(snapshot.state)) {
        return;
      }
      moved.current = true;
      context.actions.dismiss?.(snapshot);
    }
    event.preventDefault();
    event.stopPropagation();
  };

  return (
    <div className="pk-list" ref={scroller} onKeyDown={onKeyDown}>
      <div
        className="pk-rows"
        role="treegrid"
        aria-label={context.words.__('Operations')}
        aria-rowcount={rows.length}
        style={{ height: virtualizer.getTotalSize() }}
      >
        {virtualizer.getVirtualItems().map(({ key, index, start }) => {
          const row = rows[index];
          return row === undefined ? null : (
            <div
              key={key}
              ref={virtualizer.measureElement}
              role="row"
              className={rowClass(row)}
              style={{ transform: `translateY(${start}px)` }}
              data-index={index}
              data-key={row.key}
              tabIndex={index === active ? 0 : -1}
              aria-rowindex={index + 1}
              aria-level={row.kind === 'group' ? 1 : row.level + 1}
              aria-expanded={row.kind === 'group' ? !row.collapsed : expanded.has(row.key)}
              onFocus={() => setActiveKey(row.key)}
            >
              <div role="gridcell">
                <Reach.Provider value={index === active}>
                  <RowContent {...props} row={row} />
                </Reach.Provider>
              </div>
            </div>
          );
        })}
      </div>
    </div>
  );
}

function RowContent(props: IOperationListProps & { row: Row }): React.JSX.Element | null {
  const { row, get, requestOf, expanded, offlineSince, onCollapse, context } = props;
  if (row.kind === 'group') {
    return <GroupHeader group={row} onToggle={onCollapse} words={context.words} />;
  }
  const snapshot = get(row.key);
  return snapshot === undefined ? null : (
    <OperationRow
      row={row}
      snapshot={snapshot}
      expanded={expanded.has(row.key)}
      offlineSince={offlineSince}
      request={requestOf(row.key)}
      context={context}
    />
  );
}

function rowClass(row: Row): string {
  if (row.kind === 'group') {
    return 'pk-row pk-row-group';
  }
  const { joinsAbove, joinsBelow, level }: IOperationRow = row;
  return [
    'pk-row',
    `pk-level-${Math.min(level, 4)}`,
    joinsAbove && 'pk-joins-above',
    joinsBelow && 'pk-joins-below'
  ]
    .filter(Boolean)
    .join(' ');
}

function heightOf(row: Row | undefined, get: IOperationListProps['get']): number {
  if (row?.kind === 'group') {
    return GROUP_HEIGHT;
  }
  const state = row === undefined ? undefined : get(row.key)?.state;
  return state === 'succeeded' ? ENDED_HEIGHT : LIVE_HEIGHT;
}

function withIndex(indexes: number[], index: number): number[] {
  return index < 0 || indexes.includes(index) ? indexes : [...indexes, index].sort((a, b) => a - b);
}

function elementOf(scroller: HTMLElement | null, key: string | undefined): HTMLElement | null {
  const elements = scroller?.querySelectorAll<HTMLElement>('[data-key]') ?? [];
  return [...elements].find(element => element.dataset.key === key) ?? null;
}
