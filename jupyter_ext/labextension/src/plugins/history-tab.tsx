import type { IThemeManager } from '@jupyterlab/apputils';
import { LabIcon, ReactWidget, UseSignal } from '@jupyterlab/ui-components';
import { type ISignal, Signal } from '@lumino/signaling';
import * as React from 'react';

import { deleteKind, deleteRun, everyPage, HistoryReader, operationOf, tasksOf } from '../client';
import type { IWords } from '../components';
import {
  type ExportFormat,
  HistoryView,
  type ILook,
  type IRunDetails
} from '../components/history';
import {
  csvOf,
  ENOUGH_RUNS,
  type IChange,
  type IRunFilter,
  matcher,
  type OperationsModel,
  predictionsOf,
  RunList,
  runOf,
  spansOf,
  spansOfTasks
} from '../model';
import { isTerminal, type Origin, type Snapshot } from '../protocol';
import type { IProgressHub } from '../tokens';

const historyIcon = new LabIcon({
  name: 'progress-kit:history',
  svgstr: `<svg xmlns="http://www.w3.org/2000/svg" width="16" height="16" viewBox="0 0 16 16">
  <g class="jp-icon3" fill="#616161"><rect x="2" y="2" width="1.6" height="12" rx=".8"/>
  <circle cx="6.4" cy="9.6" r="1.5"/><circle cx="10" cy="5.6" r="1.5"/><circle cx="13.4" cy="8" r="1.5"/></g></svg>`
});

interface IHistoryTabOptions {
  readonly hub: IProgressHub;
  readonly themes: IThemeManager | null;
  /** Show where an operation ran. */
  readonly onOpen: (origin: Origin) => void;
  readonly words: IWords;
}

/** The tab's content: reads the history of the page's server, keeps it up to date, and writes files. */
export class HistoryTab extends ReactWidget {
  constructor(private readonly _options: IHistoryTabOptions) {
    super();
    const { hub, themes, words } = _options;
    this.addClass('pk-history-widget');
    this.title.icon = historyIcon;
    this.title.label = words.__('Progress history');
    this.title.caption = words.__('Past runs of this server');
    this._reader = new HistoryReader((path, init) => hub.request(path, init), this._list);
    this._list.follow(hub.model);
    this._wasLive = hub.model.line.state === 'live';
    hub.model.changed.connect(this._onChanged, this);
    themes?.themeChanged.connect(this.update, this);
    void this._reader.more().then(() => this._reader.more());
  }

  /** What is looked at, to be restored after a reload of the page. */
  get looks(): ILook {
    return this._looks;
  }

  /** Emitted when something else is looked at. */
  get looked(): ISignal<this, ILook> {
    return this._looked;
  }

  /** Look at a kind or a run. */
  readonly look = (looks: ILook): void => {
    this._looks = looks;
    this._looked.emit(looks);
    this.update();
    if (looks.run !== null && !this._list.has(looks.run)) {
      // It may be among those that have not been read yet.
      operationOf(this._request, looks.run).then(
        snapshot => this._list.add([snapshot]),
        () => this.look({ ...looks, run: null })
      );
    }
  };

  override dispose(): void {
    this._reader.dispose();
    this._list.dispose();
    Signal.clearData(this);
    super.dispose();
  }

  protected override render(): React.JSX.Element {
    const { hub, themes, words } = this._options;
    return (
      <UseSignal signal={this._list.changed}>
        {() => (
          <HistoryView
            runs={this._list.runs}
            usual={this._list.usual}
            kinds={this._list.kinds}
            live={this._live}
            reading={this._list.reading}
            clock={hub.model.clock}
            theme={themes?.theme ?? ''}
            look={this._looks}
            onLook={this.look}
            onWant={this._want}
            onReload={this._reload}
            load={this._load}
            onDelete={this._delete}
            onDeleteKind={this._deleteKind}
            onExport={this._export}
            onOpen={this._open}
            words={words}
          />
        )}
      </UseSignal>
    );
  }

  private readonly _request = (path: string, init?: RequestInit): Promise<Response> =>
    this._options.hub.request(path, init);

  private readonly _live = (kind: string): Snapshot[] =>
    this._options.hub.model
      .list()
      .filter(each => each.kind === kind && !isTerminal(each.state) && each.hub?.lease !== 'lost')
      .reverse();

  private readonly _want = (want: 'more' | 'all' | { kind: string }): void => {
    void (want === 'more'
      ? this._reader.more()
      : want === 'all'
        ? this._reader.all()
        : this._reader.kind(want.kind));
  };

  private readonly _reload = (): void => {
    void this._reader.restart(true).then(() => this.look(this._looks));
  };

  private readonly _load = async (id: string): Promise<IRunDetails> => {
    const [snapshot, { items, spans, estimates }] = await Promise.all([
      operationOf(this._request, id),
      tasksOf(this._request, id)
    ]);
    const prior = snapshot.kind === null ? null : await this._options.hub.prior(snapshot.kind);
    return {
      snapshot,
      spans: spans.length > 0 ? spansOf(spans) : spansOfTasks(items),
      predictions: predictionsOf(estimates),
      usualStages: new Map(
        (prior?.runs ?? 0) < ENOUGH_RUNS
          ? []
          : prior?.stages.map(({ name, duration_s }) => [name, duration_s[1]])
      )
    };
  };

  private readonly _delete = async ({ id }: { id: string }): Promise<string | null> => {
    const refused = await refusal(deleteRun(this._request, id));
    if (refused === null) {
      this._list.remove(run => run.id === id);
      this.look({ ...this._looks, run: null });
    }
    return refused;
  };

  private readonly _deleteKind = async (kind: string): Promise<string | null> => {
    const refused = await refusal(deleteKind(this._request, kind));
    if (refused === null) {
      this._list.remove(run => run.kind === kind);
      this.look({ kind: null, run: null });
    }
    return refused;
  };

  /** Everything that passes the filter, whether it has been read or not. */
  private readonly _export = async (
    format: ExportFormat,
    filter: IRunFilter
  ): Promise<string | null> => {
    const passes = matcher(filter);
    const snapshots: Snapshot[] = [];
    const query = filter.kind === null ? {} : { kind: filter.kind };
    try {
      for await (const page of everyPage(this._request, query)) {
        snapshots.push(...page.filter(snapshot => passes(runOf(snapshot))));
      }
    } catch (error) {
      return (error as Error).message;
    }
    if (format === 'csv') {
      save(csvOf(snapshots.map(runOf), this._list.usual), 'text/csv;charset=utf-8', 'csv');
    } else {
      save(JSON.stringify(snapshots, null, 1), 'application/json', 'json');
    }
    return null;
  };

  private readonly _open = ({ origin }: Snapshot): void => this._options.onOpen(origin);

  /** What ended while the line was down nobody told: read again. */
  private _onChanged(model: OperationsModel, { line }: IChange): void {
    const live = model.line.state === 'live';
    if (line && live && !this._wasLive) {
      void this._reader.restart(false);
    }
    this._wasLive = live;
  }

  private readonly _list = new RunList();
  private readonly _reader: HistoryReader;
  private readonly _looked = new Signal<this, ILook>(this);
  private _looks: ILook = { kind: null, run: null };
  private _wasLive: boolean;
}

/** Null when it was done, else what was wrong. */
function refusal(doing: Promise<void>): Promise<string | null> {
  return doing.then(
    () => null,
    (error: unknown) => (error as Error).message
  );
}

/** Hand a file to the browser's downloads. */
function save(text: string, type: string, ending: string): void {
  const url = URL.createObjectURL(new Blob([text], { type }));
  const link = document.createElement('a');
  link.href = url;
  link.download = `progress-history.${ending}`;
  document.body.append(link);
  link.click();
  link.remove();
  URL.revokeObjectURL(url);
}
