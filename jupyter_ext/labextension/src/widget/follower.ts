import type { IShown } from '../model';
import type { Snapshot } from '../protocol';

/**
 * In the place of the follower of JupyterLab's pages: those hear of an operation when the hub has something to tell,
 * and go on by themselves while their line is down. A widget hears of it ten times a second from its own kernel.
 */
export class Follower {
  show(snapshot: Snapshot): IShown {
    return { snapshot, bar: snapshot.stages, simulated: false };
  }
}
