const MARK = 'data-pk-rel';

/** The theme's colours for the ring: an icon is a document of its own and knows no variables of the page. */
export interface IRingColours {
  readonly track: string;
  readonly fill: string;
}

/** Shows a ring in place of the icons of the page's tab, and gives them back. */
export class FaviconRing {
  /** @param isBusy - whether a kernel is busy: JupyterLab has another icon then. */
  constructor(private readonly _isBusy: () => boolean) {}

  /** Show how far it is, 0 to 1; null where nobody knows. */
  show(fraction: number | null): void {
    // Of several icons a browser takes the one that it likes best, so the others have to step back.
    for (const link of icons('link[rel~="icon"]')) {
      if (link !== this._ring) {
        link.setAttribute(MARK, link.rel);
        link.rel = '';
      }
    }
    const { track, fill } = colours();
    const drawn = ring(fraction === null ? null : Math.round(fraction * 50) / 50, { track, fill });
    this._ring ??= document.head.appendChild(newIcon());
    if (drawn !== this._drawn) {
      this._drawn = drawn;
      this._ring.href = `data:image/svg+xml,${encodeURIComponent(drawn)}`;
    }
  }

  /** Give the page its own icon back. */
  hide(): void {
    if (this._ring === null) {
      return;
    }
    this._ring.remove();
    this._ring = null;
    this._drawn = '';
    for (const link of icons(`link[${MARK}]`)) {
      link.rel = link.getAttribute(MARK) ?? 'icon';
      link.removeAttribute(MARK);
    }
    // Of its two icons JupyterLab swaps the one that is shown, and found none while the ring was.
    if (icons('link.busy.favicon').length > 0) {
      const shown = this._isBusy() ? 'busy' : 'idle';
      for (const link of icons('link.idle.favicon, link.busy.favicon')) {
        link.rel = link.classList.contains(shown) ? 'icon' : '';
      }
    }
  }

  private _ring: HTMLLinkElement | null = null;
  private _drawn = '';
}

/** A ring that is full as far as `fraction` says; half a ring of dashes where it is null. */
export function ring(fraction: number | null, { track, fill }: IRingColours): string {
  const length = 2 * Math.PI * 12;
  const dashes = fraction === null ? '6 6' : `${(fraction * length).toFixed(1)} ${length}`;
  const circle = (colour: string, more = ''): string =>
    `<circle cx="16" cy="16" r="12" fill="none" stroke="${colour}" stroke-width="7"${more}/>`;
  return (
    '<svg xmlns="http://www.w3.org/2000/svg" width="32" height="32" viewBox="0 0 32 32">' +
    circle(track) +
    circle(fill, ` stroke-dasharray="${dashes}" transform="rotate(-90 16 16)"`) +
    '</svg>'
  );
}

function colours(): IRingColours {
  const style = getComputedStyle(document.body);
  const colour = (name: string): string => style.getPropertyValue(name).trim() || 'currentColor';
  return { track: colour('--jp-layout-color3'), fill: colour('--jp-brand-color1') };
}

function newIcon(): HTMLLinkElement {
  const link = document.createElement('link');
  link.rel = 'icon';
  link.type = 'image/svg+xml';
  link.className = 'pk-favicon';
  return link;
}

function icons(selector: string): HTMLLinkElement[] {
  return [...document.querySelectorAll<HTMLLinkElement>(selector)];
}
