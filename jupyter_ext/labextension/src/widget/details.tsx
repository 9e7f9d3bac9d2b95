import * as React from 'react';

import { moment } from '../components/format';
import type { IPartProps } from '../components/parts';
import { StageRows } from '../components/stage-rows';
import { TaskRows } from '../components/task-rows';

/** In the place of the details of JupyterLab's pages, without what stands beside the bar already. */
export function Details({
  snapshot,
  words,
  watch,
  id
}: IPartProps & { id: string }): React.JSX.Element {
  const { stages, message, started_at } = snapshot;
  return (
    <div className="pk-details" id={id}>
      <StageRows stages={stages} words={words} />
      <TaskRows snapshot={snapshot} most={64} words={words} />
      {message !== '' && <bdi className="pk-text">{message}</bdi>}
      {started_at !== null && (
        <span className="pk-quiet">{words.__('started %1', moment(started_at, watch.now))}</span>
      )}
    </div>
  );
}
