/**
 * Prints how large the parts of the built labextension, the widget and the pages are, and fails when one has outgrown its budget:
 * `node scripts/sizes.mjs` after `npm run build:prod`.
 */
import { Buffer } from 'node:buffer';
import { readdir, readFile } from 'node:fs/promises';
import { gzipSync } from 'node:zlib';

const STATIC = new URL('../../progress_kit_jupyter/labextension/static/', import.meta.url);
const WIDGET = new URL('../../../progress_kit/display/static/widget.js', import.meta.url);

/** What a file is known by, and how many kB of its kind there may be, compressed as servers send them. */
const PARTS = [
  { what: 'plots, with the first one', is: /["']u-cursor-pt["']/, most: 26 },
  { what: 'history, when it is opened', is: /["']pk-history-list["']/, most: 20 },
  { what: 'all the rest, when JupyterLab starts', is: /(?:)/, most: 80 }
];

const sizes = new Map(PARTS.map(part => [part, { plain: 0, packed: 0 }]));
for (const file of (await readdir(STATIC)).filter(name => name.endsWith('.js'))) {
  const content = await readFile(new URL(file, STATIC));
  const size = sizes.get(PARTS.find(({ is }) => is.test(content.toString())));
  size.plain += content.length;
  size.packed += gzipSync(content).length;
}
// The widget is not sent by a server but by the kernel, as it is.
const widget = await readFile(WIDGET).catch(() => Buffer.alloc(0));
sizes.set(
  { what: 'the widget, for pages without the labextension', most: 40, sent: 'plain' },
  { plain: widget.length, packed: gzipSync(widget).length }
);
const PAGES = new URL('../../progress_kit_jupyter/static/', import.meta.url);
for (const [file, what, most] of [
  ['page.js', 'the page without JupyterLab', 55],
  ['share.js', 'the page of share links', 40]
]) {
  const page = await readFile(new URL(file, PAGES)).catch(() => Buffer.alloc(0));
  sizes.set({ what, most }, { plain: page.length, packed: gzipSync(page).length });
}

for (const [{ what, most, sent = 'packed' }, size] of sizes) {
  const { plain, packed } = size;
  const good = plain > 0 && size[sent] <= most * 1000;
  const verdict = good ? '' : plain > 0 ? `: more than its ${most} kB` : ': not found';
  console.log(`${kB(packed)} compressed, ${kB(plain)} plain: ${what}${verdict}`);
  if (!good) {
    process.exitCode = 1;
  }
}

function kB(bytes) {
  return `${(bytes / 1000).toFixed(1).padStart(6)} kB`;
}
