import { isTerminal, type Snapshot, type Stage } from '../protocol';
import { Meeting } from './meeting';
import { interpolate, simulate } from './simulation';

/** What to show of an operation at one moment. */
export interface IShown {
  /** The operation with the counts, the fraction and the time left to say in words. Counts of whole things are whole. */
  readonly snapshot: Snapshot;
  /** The stages for the bar: their counts go on between two messages, so they may be fractions of a unit. */
  readonly bar: readonly Stage[];
  /** Whether the words say more than the hub has told: they follow the estimate, or wait for the truth to catch up. */
  readonly simulated: boolean;
}

/** The time between two messages until it has been seen, in seconds: a publisher samples ten times a second. */
const FIRST_INTERVAL_S = 0.1;
/** The longest time between two messages that a bar goes on for by itself, in seconds. */
const LONGEST_INTERVAL_S = 2;

/**
 * Follows one operation through messages, silence and the next message.
 *
 * While the line is up, words say what the hub told, and the bar goes on between two messages for at most the time
 * that lay between the last two. While it is down, both follow the last estimate. What was shown too far then waits
 * for the truth; an end is shown at once.
 */
export class Follower {
  /**
   * @param now - the hub's clock, in seconds.
   * @param offlineFor_s - how long the line has been down, in seconds; null while it is up or only blinks.
   */
  show(snapshot: Snapshot, now: number, offlineFor_s: number | null): IShown {
    this._hear(snapshot);
    if (isTerminal(snapshot.state)) {
      return { snapshot, bar: snapshot.stages, simulated: false };
    }
    const silent = offlineFor_s !== null;
    const aim = silent ? simulate(snapshot, offlineFor_s) : snapshot;
    const ahead = silent ? aim : interpolate(snapshot, this._interval(snapshot, now));
    const meet = (what: string, at: number, told: number): number =>
      this._meeting(what).next(at, told, now);
    const fraction =
      aim.fraction === null || snapshot.fraction === null
        ? snapshot.fraction
        : meet('fraction', aim.fraction, snapshot.fraction);
    const counts = snapshot.stages.map((stage, i) =>
      meet(`count ${stage.name}`, aim.stages[i]?.done ?? stage.done, stage.done)
    );
    const bar = snapshot.stages.map((stage, i) => {
      const at = Math.max(counts[i] ?? 0, ahead.stages[i]?.done ?? stage.done);
      return withDone(stage, meet(`bar ${stage.name}`, at, stage.done));
    });
    const simulated =
      aim.estimate !== snapshot.estimate ||
      fraction !== snapshot.fraction ||
      counts.some((count, i) => count !== snapshot.stages[i]?.done);
    if (!simulated) {
      return { snapshot, bar, simulated };
    }
    const stages = snapshot.stages.map((stage, i) => withDone(stage, whole(stage, counts[i])));
    return { snapshot: { ...snapshot, fraction, stages, estimate: aim.estimate }, bar, simulated };
  }

  /** Take note of what was told: another operation starts anew, and two messages have a time between them. */
  private _hear(told: Snapshot): void {
    const before = this._told;
    this._told = told;
    if (before === null || before.id !== told.id || isTerminal(told.state)) {
      this._meetings.clear();
      this._interval_s = FIRST_INTERVAL_S;
    } else if (before.seq !== told.seq) {
      const between = (told.hub?.changed_at ?? 0) - (before.hub?.changed_at ?? 0);
      this._interval_s = Math.min(LONGEST_INTERVAL_S, Math.max(FIRST_INTERVAL_S, between));
    }
  }

  /** For how long the bar may go on by itself, in seconds: not at all for an operation that is not heard of. */
  private _interval({ hub }: Snapshot, now: number): number {
    return hub?.lease === 'ok' ? Math.min(this._interval_s, now - hub.changed_at) : 0;
  }

  private _meeting(what: string): Meeting {
    const known = this._meetings.get(what) ?? new Meeting();
    this._meetings.set(what, known);
    return known;
  }

  private readonly _meetings = new Map<string, Meeting>();
  private _told: Snapshot | null = null;
  private _interval_s = FIRST_INTERVAL_S;
}

function withDone(stage: Stage, done: number): Stage {
  return done === stage.done ? stage : { ...stage, done };
}

/** A count as it is said: three and a half files are three. */
function whole(stage: Stage, count = stage.done): number {
  return Number.isInteger(stage.done) ? Math.floor(count) : count;
}
