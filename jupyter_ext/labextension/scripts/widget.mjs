/**
 * Builds the widget for frontends without the labextension into the Python package: `node scripts/widget.mjs`, or with
 * another directory as its argument.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build, transform } from 'esbuild';
import { writeLicenses } from './licenses.mjs';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const STATIC = resolve(ROOT, '../../progress_kit/display/static');

/**
 * What only our own components and Preact call so, so that it may be shortened: neither the DOM has such names nor the
 * wire, but for `snapshot`, which is read from there by its quoted name.
 */
const OWN =
  /^(words|watch|panel|look|bar|trend|memory|clock|variant|usual_s|expanded|onExpand|detailsId|onToggle|offlineFor_s|offlineSince|simulated|known|endless|refused|changedAt|onChange|dispose|there|toast|browser|wanted|told|onScreen|element|main|plain|shape|pace|most|fill|range|trends|current|props|diffed|unmount|vnode|before|after|count|label|snapshot|className|_[a-z]\w*[A-Za-z])$/;

/** What Preact and its components call each other's hooks; all of both is in the bundle. */
const HOOKS =
  /^(getDerivedStateFrom(Props|Error)|shouldComponentUpdate|component(WillReceiveProps|WillUpdate|DidUpdate|WillMount|DidMount|WillUnmount|DidCatch)|getSnapshotBeforeUpdate|getChildContext|debounceRendering)$/;

/** In the widget these modules stand for others. */
const standIns = {
  name: 'stand-ins',
  setup(bundle) {
    const widget = file => ({ path: resolve(ROOT, 'src/widget', file) });
    bundle.onResolve({ filter: /^react$/ }, () => widget('react.ts'));
    bundle.onResolve({ filter: /^\.\/(controls|details)$/ }, ({ path }) => widget(`${path}.tsx`));
    bundle.onResolve({ filter: /^\.\/follower$/ }, () => widget('follower.ts'));
  }
};

/** Write widget.js, widget.css and the licences of what is in them into `directory`. */
export async function buildWidget(directory) {
  await mkdir(directory, { recursive: true });
  const { metafile } = await build({
    absWorkingDir: ROOT,
    metafile: true,
    entryPoints: [resolve(ROOT, 'src/widget/index.tsx')],
    outfile: resolve(directory, 'widget.js'),
    tsconfig: resolve(ROOT, 'tsconfig.json'),
    bundle: true,
    minify: true,
    mangleProps: new RegExp(`${OWN.source}|${HOOKS.source}`),
    mangleCache: { className: 'class' }, // which Preact knows too
    charset: 'utf8',
    format: 'esm',
    target: 'es2022',
    legalComments: 'none',
    logLevel: 'warning',
    plugins: [standIns]
  });
  await writeFile(resolve(directory, 'widget.css'), await style());
  await writeLicenses(metafile, ROOT, directory);
}

/** The style of the components with the host's colours in the place of JupyterLab's. */
async function style() {
  const read = name => readFile(resolve(ROOT, 'style', name), 'utf8');
  const [theme, ...rest] = await Promise.all(
    ['widget-theme.css', 'operation.css', 'widget.css'].map(read)
  );
  const themed = rest.join('\n').replaceAll(/var\(\s*--jp-/g, 'var(--pk-theme-');
  for (const [, name] of themed.matchAll(/var\((--pk-theme-[\w-]+)/g)) {
    if (!theme.includes(`${name}:`)) {
      throw new Error(
        `style/widget-theme.css has no ${name}, which the style of the components asks for`
      );
    }
  }
  const { code } = await transform(theme + themed, { loader: 'css', minify: true });
  return code;
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  await buildWidget(resolve(process.argv[2] ?? STATIC));
}
