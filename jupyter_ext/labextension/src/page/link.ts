const STORAGE_KEY = 'progress-kit:share';
const IN_FRAGMENT = /^#token=([\w.-]+)$/;

/**
 * The token of the link by which this page was opened; null where there is none.
 *
 * It leaves the address bar, so that no screenshot, bookmark or copied address passes it on. This tab keeps it until it
 * is closed, so that a reload works; when the link is void, a reload says so again.
 */
export function takeToken(): string | null {
  const fresh = IN_FRAGMENT.exec(window.location.hash)?.[1];
  try {
    if (fresh === undefined) {
      return window.sessionStorage.getItem(STORAGE_KEY);
    }
    window.sessionStorage.setItem(STORAGE_KEY, fresh);
  } catch {
    if (fresh === undefined) {
      return null;
    }
    // Without storage it stays in the address, or a reload would lose it.
    return fresh;
  }
  window.history.replaceState(null, '', window.location.pathname);
  return fresh;
}
