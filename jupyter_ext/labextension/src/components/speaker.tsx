import * as React from 'react';

import type { OperationsModel } from '../model';
import { isTerminal, type Snapshot } from '../protocol';
import { endOf } from './ends';
import { isolate, type IWords } from './words';

/** What comes within this time is said together, in milliseconds. */
const TOGETHER_MS = 1_000;

/** Tells those who hear the page when an operation begins and when it ends; of a tick it says nothing. */
export function Speaker({
  model,
  words
}: {
  model: OperationsModel;
  words: IWords;
}): React.JSX.Element {
  const [said, say] = React.useState('');
  React.useEffect(() => {
    const heard = new Hearing();
    let news: Snapshot[] = [];
    let timer: number | undefined;
    const onChange: Parameters<typeof model.changed.connect>[0] = (_, { ids }) => {
      news.push(...heard.news(ids, model));
      if (news.length > 0) {
        timer ??= window.setTimeout(() => {
          say(spokenNews(news, words));
          news = [];
          timer = undefined;
        }, TOGETHER_MS);
      }
    };
    heard.news(new Set(model.list().map(({ id }) => id)), model);
    model.changed.connect(onChange);
    return () => {
      model.changed.disconnect(onChange);
      window.clearTimeout(timer);
    };
  }, [model, words]);
  return (
    <div className="pk-hidden" role="status" aria-live="polite">
      {said}
    </div>
  );
}

/** Tells what began or ended from what only went on. */
export class Hearing {
  /** Those among `ids` that began or ended since they were asked for last; none before the hub has told its first state. */
  news(
    ids: ReadonlySet<string>,
    model: Pick<OperationsModel, 'get' | 'synced' | 'wasThere'>
  ): Snapshot[] {
    const news: Snapshot[] = [];
    for (const id of ids) {
      const snapshot = model.get(id);
      if (snapshot === undefined) {
        this._ended.delete(id);
        continue;
      }
      const ended = isTerminal(snapshot.state);
      const before = this._ended.get(id);
      this._ended.set(id, ended);
      const began = before === undefined && !model.wasThere(id);
      if (model.synced && (began || (before === false && ended))) {
        news.push(snapshot);
      }
    }
    return news;
  }

  private readonly _ended = new Map<string, boolean>();
}

/** `Survey started. Fit 240 models failed.`, or how many where they are many. */
export function spokenNews(news: readonly Snapshot[], words: IWords): string {
  const latest = [...new Map(news.map(each => [each.id, each])).values()];
  const ended = latest.filter(({ state }) => isTerminal(state));
  const began = latest.filter(({ state }) => !isTerminal(state));
  const failed = ended.filter(({ state }) => state === 'failed').length;
  const sentences = [
    began.length > MOST_NAMED
      ? [words.__('%1 operations started', began.length)]
      : began.map(({ name }) => words.__('%1 started', isolate(name))),
    ended.length > MOST_NAMED
      ? [
          failed > 0
            ? words.__('%1 operations ended, %2 failed', ended.length, failed)
            : words.__('%1 operations ended', ended.length)
        ]
      : ended.map(each => endOf(each, words))
  ];
  return sentences
    .flat()
    .map(sentence => `${sentence}.`)
    .join(' ');
}

const MOST_NAMED = 3;
