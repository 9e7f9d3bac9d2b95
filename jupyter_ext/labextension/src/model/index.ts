export { HubClock } from './clock';
export { elapsedAt, pausedAt } from './elapsed';
export { Follower, type IShown } from './follower';
export { InboxModel } from './inbox';
export { type ILine, type LineReason, offlineSince, POLL_S } from './line';
export { type IChange, OperationsModel } from './operations';
export { OperationMemory } from './memory';
export {
  CATEGORIES,
  type Category,
  categoryOf,
  type IGroupRow,
  type IOperationRow,
  type IOutline,
  type IView,
  outline,
  pathOf,
  type Row,
  sameShape
} from './outline';
export { type ISource, Outliner } from './outliner';
export { type IPace } from './pace';
export { type IRequest, Requests } from './requests';
export { type IOverall, NOTHING, overallOf } from './overall';
export { LEASE_S, Overheard } from './overheard';
export { type IPolicy, isAnnounced, type When } from './policy';
export {
  ENOUGH_RUNS,
  EVERYTHING,
  type IRun,
  type IRunFilter,
  type ISort,
  type IUsual,
  matcher,
  NEWEST_FIRST,
  type Outcome,
  outcomeOf,
  OUTCOMES,
  ratioOf,
  runOf,
  SLOW,
  type SortKey,
  sortRuns,
  usualOf
} from './history';
export { csvOf } from './history-csv';
export { type IReading, RunList } from './run-list';
export { type Quantiles, quantiles, ticks, timeSteps } from './statistics';
export {
  accuracyOf,
  type IAccuracy,
  type ILane,
  type IPrediction,
  type IShare,
  type ISpan,
  type ITaskTime,
  lanesOf,
  lengthOf,
  longestTasks,
  predictionsOf,
  sharesOf,
  spansOf,
  spansOfTasks,
  wasted
} from './timeline';
export type { ILink, IShared, ISharing } from './share';
export { placeOf } from './where';
