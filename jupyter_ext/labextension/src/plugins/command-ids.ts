/** The commands of this extension that several plugins use. */
export const CommandIDs = {
  showPanel: 'progress-kit:show-panel',
  openHistory: 'progress-kit:open-history',
  showCompletions: 'progress-kit:show-completions',
  enableNotifications: 'progress-kit:enable-notifications',
  markAllRead: 'progress-kit:mark-all-read',
  cancel: 'progress-kit:cancel-operation'
} as const;
