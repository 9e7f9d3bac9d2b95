export { HistoryView, type IHistoryProps, type ILook } from './history-view';
export type { IRunDetails } from './run-details';
export type { ExportFormat } from './run-filters';
