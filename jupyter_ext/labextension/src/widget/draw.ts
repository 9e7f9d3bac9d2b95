import { type ComponentChild, render } from 'preact';
import type * as React from 'react';

const sheet = new CSSStyleSheet();

/** Dress all that is drawn. */
export function dress(style: string): void {
  sheet.replaceSync(style);
}

/**
 * Prepare `element` for being drawn in, apart from the page's own style; return what draws there. Drawing null takes
 * all away.
 */
export function canvas(element: HTMLElement): (content: React.JSX.Element | null) => void {
  const host = document.createElement('div');
  element.append(host);
  const root = host.attachShadow({ mode: 'open' });
  root.adoptedStyleSheets = [sheet];
  return content => {
    render(content as ComponentChild, root);
    if (content === null) {
      host.remove();
    }
  };
}
