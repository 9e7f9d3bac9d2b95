export { LineFoot } from './line-foot';
export { type IOperationListProps, OperationList } from './operation-list';
export { plainText } from './plain';
export { type IProgressTrackerProps, ProgressTracker } from './progress-tracker';
export type { IWords } from './words';
