import type { Permission } from '../components';

/** Whether this page may show notifications of the browser. */
export function mayNotify(): Permission {
  return 'Notification' in window ? Notification.permission : 'unsupported';
}
