import type { Origin } from '../protocol';
import { pathOf } from './outline';

/** Where an operation ran, in as few words as name it: a file's name, else process and machine. */
export function placeOf(origin: Origin): string {
  const path = pathOf(origin);
  if (path !== null) {
    return path.split(/[/\\]/).pop() ?? path;
  }
  const { pid, host } = origin;
  return [pid === null ? null : `pid ${pid}`, host].filter(part => part !== null).join(' on ');
}
