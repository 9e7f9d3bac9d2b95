import type { observeElementRect } from '@tanstack/react-virtual';

/**
 * Tells a virtual list how large it is: as the observer found it, in a frame of its own.
 *
 * The virtualizer's own way reads the size only in that frame. While JupyterLab changes the theme it can be 0 there;
 * the observer then has nothing more to report, and the list would stay empty.
 */
export const observeListSize: typeof observeElementRect<HTMLDivElement> = (
  { scrollElement },
  tell
) => {
  if (scrollElement === null) {
    return;
  }
  const size = (): { width: number; height: number } => ({
    width: scrollElement.clientWidth,
    height: scrollElement.clientHeight
  });
  let frame = 0;
  const observer = new ResizeObserver(() => {
    const found = size();
    window.cancelAnimationFrame(frame);
    frame = window.requestAnimationFrame(() => tell(found));
  });
  tell(size());
  observer.observe(scrollElement);
  return () => {
    observer.disconnect();
    window.cancelAnimationFrame(frame);
  };
};
