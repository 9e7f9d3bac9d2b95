export { HubClock } from './clock';
export { elapsedAt } from './elapsed';
export { type ILine, type LineReason, offlineSince } from './line';
export { type IChange, OperationsModel } from './operations';
