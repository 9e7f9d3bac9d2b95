import * as React from 'react';

import {
  type Category,
  type IView,
  offlineSince,
  type OperationMemory,
  type OperationsModel,
  Outliner,
  type Requests
} from '../model';
import type { Prior, Snapshot } from '../protocol';
import { Button } from './button';
import { FilterBar } from './filter-bar';
import { LineFoot } from './line-foot';
import { OperationList } from './operation-list';
import type { IRowContext } from './operation-row';
import type { IActions } from './parts';
import { useFrames } from './use-frames';
import type { IWords } from './words';

/** The operations that were put away, and how to put more away. */
export interface IDismissed {
  readonly ids: ReadonlySet<string>;
  add(id: string): void;
}

export interface IOperationPanelProps {
  readonly model: OperationsModel;
  readonly memory: OperationMemory;
  readonly requests: Requests;
  readonly dismissed: IDismissed;
  /** What can be done about an operation; dismissing is the panel's own. */
  readonly actions: IActions;
  readonly prior: (kind: string) => Promise<Prior | null>;
  /** Whether anyone can see the panel: a hidden one costs nothing. */
  readonly isVisible: () => boolean;
  /** Opens the history, where there is one. */
  readonly onHistory?: () => void;
  readonly words: IWords;
}

/** The operations of all notebooks and scripts, the way to find one among them, and the state of the line. */
export function OperationPanel(props: IOperationPanelProps): React.JSX.Element {
  const { model, memory, requests, dismissed, actions, prior, isVisible, onHistory, words } = props;
  const outliner = React.useMemo(() => new Outliner(model), [model]);
  const [view, setView] = React.useState<IView>(() => ({
    search: '',
    categories: new Set(),
    collapsed: new Set(),
    expanded: new Set(),
    dismissed: dismissed.ids
  }));
  const subscribe = React.useCallback(
    (changed: () => void) => {
      const onChange = (): void => {
        if (isVisible()) {
          changed();
        }
      };
      const onModel: Parameters<typeof model.changed.connect>[0] = (_, { ids }) => {
        outliner.note(ids);
        onChange();
      };
      model.changed.connect(onModel);
      requests.changed.connect(onChange);
      return () => {
        model.changed.disconnect(onModel);
        requests.changed.disconnect(onChange);
      };
    },
    [model, requests, outliner, isVisible]
  );
  useFrames(subscribe);

  const context = React.useMemo<IRowContext>(
    () => ({
      clock: model.clock,
      memory,
      prior,
      words,
      actions: {
        ...actions,
        dismiss: ({ id }: Snapshot) => {
          dismissed.add(id);
          setView(before => ({ ...before, dismissed: dismissed.ids }));
        }
      },
      onExpand: (id, open) =>
        setView(before => ({ ...before, expanded: withKey(before.expanded, id, open) }))
    }),
    [model, memory, prior, words, actions, dismissed]
  );
  const onCollapse = React.useCallback(
    (key: string) =>
      setView(before => ({
        ...before,
        collapsed: withKey(before.collapsed, key, !before.collapsed.has(key))
      })),
    []
  );
  const onChoose = React.useCallback(
    (categories: ReadonlySet<Category>) => setView(before => ({ ...before, categories })),
    []
  );
  const { rows, counts, known } = outliner.show(view);
  const filtered = view.search.trim() !== '' || view.categories.size > 0;
  return (
    <>
      <div className="pk-header">
        <h2 className="pk-title">{words.__('Progress')}</h2>
        <input
          type="search"
          className="pk-search"
          aria-label={words.__('Search operations')}
          placeholder={words.__('Search')}
          value={view.search}
          onChange={({ target }) => setView(before => ({ ...before, search: target.value }))}
        />
        {onHistory !== undefined && (
          <Button plain title={words.__('Open the history of earlier runs')} onClick={onHistory}>
            {words.__('history')}
          </Button>
        )}
      </div>
      <FilterBar chosen={view.categories} counts={counts} onChoose={onChoose} words={words} />
      {rows.length > 0 ? (
        <OperationList
          rows={rows}
          get={id => model.get(id)}
          requestOf={id => requests.get(id)}
          expanded={view.expanded}
          offlineSince={offlineSince(model.line)}
          onCollapse={onCollapse}
          context={context}
        />
      ) : (
        <div className="pk-list pk-empty">
          <p>{known > 0 ? words.__('No operation matches.') : emptyText(model.synced, words)}</p>
          {known > 0 && filtered && (
            <Button
              onClick={() => setView(before => ({ ...before, search: '', categories: new Set() }))}
            >
              {words.__('show all')}
            </Button>
          )}
        </div>
      )}
      <LineFoot line={model.line} words={words} />
    </>
  );
}

function emptyText(synced: boolean, words: IWords): string {
  return synced
    ? words.__(
        'Nothing runs. An operation shows here as soon as a notebook or a script reports one.'
      )
    : words.__('Nothing is known yet.');
}

function withKey(keys: ReadonlySet<string>, key: string, present: boolean): ReadonlySet<string> {
  const next = new Set(keys);
  if (present) {
    next.add(key);
  } else {
    next.delete(key);
  }
  return next;
}
