import type { Snapshot, Stage, Task } from '../src/protocol';

/** Now, in every test. */
export const NOW = 1_763_940_000;

export function stage(fields: Partial<Stage> & { name: string }): Stage {
  return {
    state: 'pending',
    weight: 1,
    done: 0,
    total: null,
    unit: '',
    rate: null,
    message: '',
    started_s: null,
    elapsed_s: null,
    counters: [],
    tasks: null,
    ...fields
  };
}

/** A running task of the stage `analysis`. */
export function task(fields: Partial<Task> & { id: string }): Task {
  return {
    stage: 'analysis',
    name: fields.id,
    state: 'running',
    attempt: 1,
    worker: 'worker 1',
    done: 0,
    total: null,
    unit: '',
    cost: null,
    started_s: null,
    elapsed_s: null,
    error: null,
    ...fields
  };
}

/** A running operation that has analysed 43 of 100 sections in 21.4 s. */
export function snapshot(fields: Partial<Snapshot> = {}): Snapshot {
  return {
    id: 'op_1',
    name: 'Customize résumé',
    state: 'running',
    seq: 1,
    kind: null,
    stage: 'analysis',
    fraction: 0.215,
    message: '',
    stages: [
      stage({
        name: 'analysis',
        state: 'running',
        done: 43,
        total: 100,
        unit: 'sections',
        rate: 2.1,
        elapsed_s: 21.4
      }),
      stage({ name: 'planning' })
    ],
    tasks: [],
    tasks_omitted: 0,
    estimate: null,
    metrics: {},
    error: null,
    ended_early: false,
    parent: null,
    actions: ['cancel'],
    notify: { when: 'default', after_s: null },
    started_at: NOW - 21.4,
    elapsed_s: 21.4,
    paused_s: 0,
    ended_at: null,
    origin: {
      host: 'h',
      pid: 812,
      kernel_id: 'kernel-1',
      notebook: 'work/demo.ipynb',
      cell_id: 'cell-1',
      script: null
    },
    hub: {
      lease: 'ok',
      first_seen_at: NOW - 21,
      changed_at: NOW,
      via: 'websocket',
      owner: 'local',
      stored: false
    },
    ...fields
  };
}
