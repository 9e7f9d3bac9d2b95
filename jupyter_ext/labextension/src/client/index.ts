export { HubConnection } from './connection';
export { Priors } from './priors';
export { ServerHub } from './server';
export { Sharing } from './sharing';
export {
  deleteKind,
  deleteRun,
  everyPage,
  HistoryError,
  historyPage,
  operationOf,
  type RestRequest,
  tasksOf
} from './history';
export { HistoryReader } from './history-reader';
