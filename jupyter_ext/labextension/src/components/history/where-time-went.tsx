import * as React from 'react';

import { type IShare, type ISpan, longestTasks, wasted } from '../../model';
import { count, duration, percent } from '../format';
import type { IWords } from '../words';
import { ratioText } from './texts';

const MOST_TASKS = 10;

interface IWhereProps {
  readonly stages: readonly IShare[];
  readonly spans: readonly ISpan[];
  /** Stage → the seconds that it usually takes. */
  readonly usual: ReadonlyMap<string, number>;
  readonly words: IWords;
}

/** Where the time went: each stage's part of it, and the tasks that took longest. */
export function WhereTimeWent({ stages, spans, usual, words }: IWhereProps): React.JSX.Element {
  const entered = stages.filter(({ elapsed_s }) => elapsed_s > 0);
  const tasks = React.useMemo(() => longestTasks(spans, MOST_TASKS), [spans]);
  const lost_s = wasted(spans);
  return (
    <>
      {entered.length > 1 && (
        <div className="pk-shares" aria-hidden="true">
          {entered.map(({ name, share }) => (
            <span
              key={name}
              className="pk-share"
              style={{ flexGrow: share }}
              title={`${name} ${percent(share)}`}
            />
          ))}
        </div>
      )}
      {entered.length === 0 ? (
        <p className="pk-quiet">{words.__('No stage of it was entered.')}</p>
      ) : (
        <StageTable stages={entered} usual={usual} words={words} />
      )}
      {tasks.length > 0 && (
        <>
          <h4>{words.__('Longest tasks')}</h4>
          <table className="pk-table">
            <thead>
              <tr>
                <th scope="col">{words.__('task')}</th>
                <th scope="col">{words.__('worker')}</th>
                <th scope="col" className="pk-number">
                  {words.__('attempts')}
                </th>
                <th scope="col" className="pk-number">
                  {words.__('time')}
                </th>
              </tr>
            </thead>
            <tbody>
              {tasks.map(({ task, stage, worker, attempts, total_s, state }) => (
                <tr key={`${stage}\n${task}`} className={state === 'failed' ? 'pk-bad' : undefined}>
                  <td title={stage}>{state === 'failed' ? words.__('%1 (failed)', task) : task}</td>
                  <td>{worker}</td>
                  <td className="pk-number">{count(attempts)}</td>
                  <td className="pk-number">{duration(total_s, true)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </>
      )}
      {lost_s > 0 && (
        <p className="pk-quiet">
          {words.__('%1 went into attempts that failed.', duration(lost_s, true))}
        </p>
      )}
    </>
  );
}

function StageTable({ stages, usual, words }: Omit<IWhereProps, 'spans'>): React.JSX.Element {
  const comparable = stages.some(({ name }) => usual.has(name));
  return (
    <table className="pk-table">
      <thead>
        <tr>
          <th scope="col">{words.__('stage')}</th>
          <th scope="col" className="pk-number">
            {words.__('time')}
          </th>
          <th scope="col" className="pk-number">
            {words.__('share')}
          </th>
          {comparable && (
            <th scope="col" className="pk-number">
              {words.__('compared')}
            </th>
          )}
        </tr>
      </thead>
      <tbody>
        {stages.map(({ name, elapsed_s, share }) => {
          const median = usual.get(name) ?? 0;
          return (
            <tr key={name}>
              <td>{name}</td>
              <td className="pk-number">{duration(elapsed_s, true)}</td>
              <td className="pk-number">{percent(share)}</td>
              {comparable && (
                <td className="pk-number">
                  {median > 0 ? ratioText(elapsed_s / median, words) : '–'}
                </td>
              )}
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}
