import type { Snapshot } from '../protocol';
import { duration, percent, progress } from './format';
import { currentStage, mainStage } from './view';

/**
 * The operation and its state in one line of plain text: `Survey: 43 %`, `Survey: finished in 16 s, 300 files`.
 *
 * It is written into notebooks beside what the kernel writes there, in the same words, and so is not translated.
 */
export function plainText(snapshot: Snapshot): string {
  return `${snapshot.name}: ${stateText(snapshot)}`;
}

function stateText(snapshot: Snapshot): string {
  const { state, fraction } = snapshot;
  const time = duration(snapshot.elapsed_s ?? 0, true);
  const current = currentStage(snapshot);
  switch (state) {
    case 'succeeded': {
      const how = snapshot.ended_early ? `ended early after ${time}` : `finished in ${time}`;
      const stage = mainStage(snapshot);
      if (stage === null) {
        return how;
      }
      const total = stage.total === stage.done ? null : stage.total;
      return `${how}, ${progress(stage.done, total, stage.unit)}`;
    }
    case 'failed':
    case 'cancelled': {
      const at = fraction === null ? '' : ` at ${percent(fraction)}`;
      return `${[state, ...causeOf(snapshot)].join(': ')} · after ${time}${at}`;
    }
    default:
      if (fraction !== null) {
        return percent(fraction);
      }
      return current === null ? state : progress(current.done, current.total, current.unit);
  }
}

function causeOf({ error }: Snapshot): string[] {
  return error === null ? [] : [error.type, error.message].filter(part => part !== '');
}
