import * as React from 'react';

/**
 * Render again when something has changed, at most once in a frame of the screen.
 *
 * @param subscribe - calls its argument at each change until what it returns is called.
 */
export function useFrames(subscribe: (changed: () => void) => () => void): void {
  const [, render] = React.useReducer((n: number) => n + 1, 0);
  React.useEffect(() => {
    let frame: number | undefined;
    const unsubscribe = subscribe(() => {
      frame ??= window.requestAnimationFrame(() => {
        frame = undefined;
        render();
      });
    });
    return () => {
      unsubscribe();
      if (frame !== undefined) {
        window.cancelAnimationFrame(frame);
      }
    };
  }, [subscribe]);
}
