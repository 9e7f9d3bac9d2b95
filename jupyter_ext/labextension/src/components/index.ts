export { LineFoot } from './line-foot';
export { type IDismissed, type IOperationPanelProps, OperationPanel } from './operation-panel';
export type { IActions } from './parts';
export { plainText } from './plain';
export { type IMemory, type IProgressTrackerProps, ProgressTracker } from './progress-tracker';
export { Speaker } from './speaker';
export { type IStoreNoticeProps, StoreNotice } from './store-notice';
export { usePrior } from './use-prior';
export type { IWords } from './words';
export { Completions, type ICompletionsProps, type Permission } from './completions';
export { announcementOf, type IAnnouncement, percentOf, whereOf } from './ends';
export {
  type INotificationBadgeProps,
  type IUnread,
  NotificationBadge
} from './notification-badge';
export { type IOverallItemProps, OverallItem } from './overall-item';
