import { afterEach } from 'vitest';

/** Where a test runs in jsdom: what JupyterLab's packages expect of a browser and jsdom does not have. */
if (typeof window !== 'undefined') {
  class Observer {
    observe() {}
    unobserve() {}
    disconnect() {}
  }
  Object.assign(globalThis, {
    ResizeObserver: Observer,
    IntersectionObserver: Observer,
    DragEvent: class extends MouseEvent {}
  });
  Object.assign(window, {
    matchMedia: (query: string) => ({
      matches: false,
      media: query,
      addEventListener() {},
      removeEventListener() {}
    })
  });
  Object.assign(document, { queryCommandSupported: () => false });
  afterEach(() => {
    document.body.innerHTML = '';
    window.localStorage.clear();
  });
}
