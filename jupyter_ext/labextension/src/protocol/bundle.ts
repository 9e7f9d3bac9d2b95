import type { OperationBundle, Snapshot, Stage } from './types';

const MAX_STAGES = 64;
const MAX_METRICS = 64;
const MAX_TEXT = 4096;
// What could hide or reorder a text, as the hub replaces it: control and bidirectional characters, line separators.
const DECEIVING = /[\p{Cc}\p{Bidi_Control}\u2028\u2029]/gu;
const STATES = ['pending', 'running', 'paused', 'succeeded', 'failed', 'cancelled'];

/**
 * Read the JSON part of an output. A notebook may come from anywhere, so what is missing or of the wrong type
 * gets its default; null when it names no operation or no state at all.
 */
export function readBundle(value: unknown): OperationBundle | null {
  const bundle = record(value);
  const stored = record(bundle.snapshot);
  const id = text(bundle.operation) || text(stored.id);
  if (!id || !STATES.includes(text(stored.state))) {
    return null;
  }
  return {
    version: number(bundle.version) ?? 1,
    operation: id,
    hub_id: text(bundle.hub_id) || null,
    snapshot: readSnapshot(id, stored)
  };
}

/** Read what a kernel told past the hub: what names no operation or no state is left out. */
export function readTold(value: unknown): Snapshot[] {
  const told = record(value);
  if (told.version !== 1) {
    return [];
  }
  return list(told.operations).flatMap(each => {
    const snapshot = readBundle({ snapshot: each })?.snapshot;
    return snapshot === undefined
      ? []
      : [{ ...snapshot, estimate: readEstimate(record(each).estimate), hub: null }];
  });
}

function readEstimate(value: unknown): Snapshot['estimate'] {
  const estimate = record(value);
  const p50_s = number(estimate.p50_s);
  if (p50_s === null || p50_s < 0) {
    return null;
  }
  return {
    p10_s: number(estimate.p10_s),
    p50_s,
    p90_s: number(estimate.p90_s),
    basis: (['rate', 'cost', 'history', 'workers'] as const).filter(each =>
      list(estimate.basis).includes(each)
    ),
    slowdown: number(estimate.slowdown),
    why: text(estimate.why)
  };
}

function readSnapshot(id: string, stored: Record<string, unknown>): Snapshot {
  const error = record(stored.error);
  const origin = record(stored.origin);
  const hub = record(stored.hub);
  const fraction = number(stored.fraction);
  return {
    id,
    name: text(stored.name),
    state: stored.state as Snapshot['state'],
    seq: number(stored.seq) ?? 0,
    kind: text(stored.kind) || null,
    stage: text(stored.stage) || null,
    fraction: fraction === null ? null : Math.min(1, Math.max(0, fraction)),
    message: text(stored.message),
    stages: list(stored.stages)
      .slice(0, MAX_STAGES)
      .map(stage => readStage(record(stage))),
    tasks: [],
    tasks_omitted: number(stored.tasks_omitted) ?? 0,
    estimate: null,
    metrics: Object.fromEntries(
      Object.entries(record(stored.metrics))
        .slice(0, MAX_METRICS)
        .map(([name, metric]) => [text(name), number(metric)])
    ),
    error: stored.error ? { type: text(error.type), message: text(error.message) } : null,
    ended_early: stored.ended_early === true,
    parent: text(stored.parent) || null,
    actions: [],
    notify: { when: 'default', after_s: null },
    started_at: number(stored.started_at),
    elapsed_s: number(stored.elapsed_s),
    paused_s: number(stored.paused_s) ?? 0,
    ended_at: number(stored.ended_at),
    origin: {
      host: text(origin.host) || null,
      pid: number(origin.pid),
      kernel_id: text(origin.kernel_id) || null,
      notebook: text(origin.notebook) || null,
      cell_id: text(origin.cell_id) || null,
      script: text(origin.script) || null
    },
    hub: stored.hub
      ? {
          lease: hub.lease === 'lost' || hub.lease === 'stale' ? hub.lease : 'ok',
          first_seen_at: number(hub.first_seen_at) ?? 0,
          changed_at: number(hub.changed_at) ?? 0,
          via: 'websocket',
          owner: text(hub.owner),
          stored: hub.stored === true
        }
      : null
  };
}

function readStage(stored: Record<string, unknown>): Stage {
  const weight = number(stored.weight) ?? 1;
  return {
    name: text(stored.name),
    state: (text(stored.state) || 'pending') as Stage['state'],
    weight: weight > 0 ? weight : 1,
    done: number(stored.done) ?? 0,
    total: number(stored.total),
    unit: text(stored.unit),
    rate: number(stored.rate),
    message: text(stored.message),
    started_s: number(stored.started_s),
    elapsed_s: number(stored.elapsed_s),
    counters: [],
    tasks: null
  };
}

function record(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : {};
}

function list(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

function text(value: unknown): string {
  return typeof value === 'string'
    ? value.slice(0, MAX_TEXT).replace(DECEIVING, each => (/\s/.test(each) ? ' ' : '\ufffd'))
    : '';
}

function number(value: unknown): number | null {
  return typeof value === 'number' && Number.isFinite(value) ? value : null;
}
