import * as React from 'react';

import type { Stage } from '../protocol';
import { count, duration, percent } from './format';
import { Icon, shapeOf } from './icons';
import { countsOf, stateWord } from './texts';
import { filled } from './view';
import { isolate, type IWords } from './words';

interface IStageRowsProps {
  stages: readonly Stage[];
  words: IWords;
}

/** The stages one below the other, each with its state, its counts and its time. */
export function StageRows({ stages, words }: IStageRowsProps): React.JSX.Element | null {
  return stages.length === 0 ? null : (
    <ul className="pk-stages" aria-label={words.__('Stages')}>
      {stages.map(stage => (
        <StageRow key={stage.name} stage={stage} words={words} />
      ))}
    </ul>
  );
}

function StageRow({ stage, words }: { stage: Stage; words: IWords }): React.JSX.Element {
  const { name, state, done, total, elapsed_s, counters, message } = stage;
  const counted = done > 0 || total !== null;
  const notes = [...counters.map(each => `${isolate(each.name)} ${countsOf(each)}`)];
  const tasks = tasksText(stage, words);
  if (tasks !== '') {
    notes.push(tasks);
  }
  if (message !== '') {
    notes.push(isolate(message));
  }
  return (
    <li className={`pk-stage-row pk-stage-${state}`}>
      <Icon shape={shapeOf(state)} />
      <bdi className="pk-stage-name" title={name}>
        {name}
      </bdi>
      <span className="pk-stage-counts">
        {counted ? countsOf(stage) : stateWord(state, words)}
        {counted && <span className="pk-hidden">{`, ${stateWord(state, words)}`}</span>}
      </span>
      <span className="pk-stage-share">
        {state === 'running' && total !== null ? percent(filled(stage)) : ''}
      </span>
      <span className="pk-stage-time">{elapsed_s === null ? '' : duration(elapsed_s, true)}</span>
      {notes.length > 0 && <span className="pk-stage-notes">{notes.join(' · ')}</span>}
    </li>
  );
}

/** `43 done, 2 running, 1 failed`; empty where a stage has no tasks. */
function tasksText({ tasks }: Stage, words: IWords): string {
  if (tasks === null) {
    return '';
  }
  const parts: [number, (many: string) => string][] = [
    [tasks.succeeded, many => words.__('%1 done', many)],
    [tasks.running, many => words.__('%1 running', many)],
    [tasks.paused, many => words.__('%1 paused', many)],
    [tasks.pending, many => words.__('%1 waiting', many)],
    [tasks.failed, many => words.__('%1 failed', many)],
    [tasks.cancelled, many => words.__('%1 cancelled', many)],
    [tasks.skipped, many => words.__('%1 skipped', many)],
    [tasks.abandoned, many => words.__('%1 abandoned', many)]
  ];
  return parts
    .filter(([many]) => many > 0)
    .map(([many, say]) => say(count(many)))
    .join(', ');
}
