import { beforeEach, describe, expect, it, vi } from 'vitest';

import { FaviconRing, ring } from '../src/plugins/favicon';
import { prefixOf, TitlePrefix } from '../src/plugins/title';

/** Let the observers of the document run. */
const settled = () => new Promise(resolve => setTimeout(resolve));

describe('the title of the tab', () => {
  /** As JupyterLab does when something else comes to the front. */
  const rename = (title: string) => {
    document.title = title;
  };

  beforeEach(() => {
    document.head.innerHTML = '<title>a.ipynb - JupyterLab</title>';
  });

  it('has the progress in front, and loses it at the end', async () => {
    const title = new TitlePrefix();
    title.set('[42%] ');
    expect(document.title).toBe('[42%] a.ipynb - JupyterLab');
    title.set('[43%] ');
    await settled();
    expect(document.title).toBe('[43%] a.ipynb - JupyterLab');
    title.set('');
    expect(document.title).toBe('a.ipynb - JupyterLab');
  });

  it('keeps it when JupyterLab writes another title', async () => {
    const title = new TitlePrefix();
    title.set('[42%] ');
    rename('b.ipynb - JupyterLab');
    await settled();
    expect(document.title).toBe('[42%] b.ipynb - JupyterLab');
    title.set('');
    expect(document.title).toBe('b.ipynb - JupyterLab');
  });

  it('leaves a title alone that looks like a percentage', async () => {
    rename('[42%] is my notebook');
    const title = new TitlePrefix();
    title.set('[7%] ');
    title.set('');
    await settled();
    expect(document.title).toBe('[42%] is my notebook');
  });

  it('says what is known', () => {
    expect(prefixOf(0, null, false)).toBe('');
    expect(prefixOf(2, 0.429, false)).toBe('[42%] ');
    expect(prefixOf(2, null, false)).toBe('[…] ');
    expect(prefixOf(2, 0.429, true)).toBe('[42%?] ');
    expect(prefixOf(1, 0.29, false)).toBe('[29%] ');
  });
});

describe('the icon of the tab', () => {
  const IDLE = 'link.idle.favicon';
  const BUSY = 'link.busy.favicon';
  const rel = (selector: string) => document.querySelector<HTMLLinkElement>(selector)!.rel;

  beforeEach(() => {
    document.head.innerHTML =
      '<link rel="icon" href="a.ico" class="idle favicon"><link rel="" href="b.ico" class="busy favicon">';
  });

  it('is a ring while something runs, and the page’s own again afterwards', () => {
    const favicon = new FaviconRing(() => false);
    favicon.show(0.5);
    const shown = document.querySelectorAll<HTMLLinkElement>('link[rel~="icon"]');
    expect(shown).toHaveLength(1);
    expect(decodeURIComponent(shown[0]!.href)).toContain('<svg');
    favicon.hide();
    expect([rel(IDLE), rel(BUSY)]).toEqual(['icon', '']);
    expect(document.querySelectorAll('link')).toHaveLength(2);
  });

  it('gives back the icon of the state that the kernels are in by then', () => {
    let busy = true;
    document.querySelector<HTMLLinkElement>(IDLE)!.rel = '';
    document.querySelector<HTMLLinkElement>(BUSY)!.rel = 'icon';
    const favicon = new FaviconRing(() => busy);
    favicon.show(0.5);
    busy = false;
    favicon.hide();
    expect([rel(IDLE), rel(BUSY)]).toEqual(['icon', '']);
  });

  it('does not touch the page when nothing was shown', () => {
    const before = document.head.innerHTML;
    new FaviconRing(() => true).hide();
    expect(document.head.innerHTML).toBe(before);
  });

  it('is not drawn anew for each percent', () => {
    const favicon = new FaviconRing(() => false);
    favicon.show(0.5);
    const link = document.querySelector<HTMLLinkElement>('link.pk-favicon')!;
    const href = vi.spyOn(link, 'href', 'set');
    favicon.show(0.501);
    expect(href).not.toHaveBeenCalled();
    favicon.show(0.6);
    expect(href).toHaveBeenCalledOnce();
  });

  it('is filled as far as it is, and dashed where nobody knows', () => {
    const colours = { track: '#ddd', fill: '#00f' };
    expect(ring(0.5, colours)).toContain('stroke-dasharray="37.7 ');
    expect(ring(null, colours)).toContain('stroke-dasharray="6 6"');
  });
});
