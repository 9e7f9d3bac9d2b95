import * as React from 'react';

import type { Snapshot, Task } from '../protocol';
import { duration } from './format';
import { Icon, shapeOf } from './icons';
import { countsOf, errorText, stateWord } from './texts';
import { isolate, type IWords } from './words';

interface ITaskRowsProps {
  snapshot: Snapshot;
  /** More tasks than this are only counted. */
  most: number;
  words: IWords;
}

/** The tasks that run or have failed, on which worker and in which attempt. */
export function TaskRows({ snapshot, most, words }: ITaskRowsProps): React.JSX.Element | null {
  const tasks = [...snapshot.tasks].sort((a, b) => rank(a) - rank(b));
  const shown = tasks.slice(0, most);
  const more = tasks.length - shown.length + snapshot.tasks_omitted;
  return tasks.length === 0 ? null : (
    <ul className="pk-tasks" aria-label={words.__('Tasks')}>
      {shown.map(task => (
        <TaskRow key={task.id} task={task} words={words} />
      ))}
      {more > 0 && (
        <li className="pk-more">{words._n('and %1 more task', 'and %1 more tasks', more)}</li>
      )}
    </ul>
  );
}

/** What went wrong has to be seen even where there is no room for all. */
function rank({ state }: Task): number {
  return state === 'failed' ? 0 : state === 'running' ? 1 : 2;
}

function TaskRow({ task, words }: { task: Task; words: IWords }): React.JSX.Element {
  const { name, state, error, total, done } = task;
  const running = state === 'running';
  const where = [
    task.worker === null ? null : isolate(task.worker),
    task.attempt > 1 ? words.__('attempt %1', task.attempt) : null,
    running && task.elapsed_s !== null ? duration(task.elapsed_s) : null
  ].filter(part => part !== null);
  const text = error === null ? isolate(name) : `${isolate(name)}: ${errorText(error)}`;
  return (
    <li className={`pk-task pk-task-${state}`}>
      <span className="pk-task-name" title={text}>
        {!running && <Icon shape={shapeOf(state)} />}
        {!running && <span className="pk-hidden">{`${stateWord(state, words)} `}</span>}
        <span className="pk-task-text">
          <bdi>{name}</bdi>
          {error !== null && (
            <>
              {': '}
              <bdi>{errorText(error)}</bdi>
            </>
          )}
        </span>
      </span>
      {running && total !== null && total > 0 && (
        <span className="pk-mini" title={countsOf(task)}>
          <i style={{ width: `${100 * Math.min(1, done / total)}%` }} />
          <span className="pk-hidden">{countsOf(task)}</span>
        </span>
      )}
      <span className="pk-worker">{where.join(' · ')}</span>
    </li>
  );
}
