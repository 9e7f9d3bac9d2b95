/**
 * Builds the pages that the server shows without JupyterLab, `{base_url}progress-kit/` and share links, into the server
 * extension: `node scripts/page.mjs`, or with another directory as its argument.
 */
import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, transform } from 'esbuild';
import { writeLicenses } from './licenses.mjs';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const STATIC = resolve(process.argv[2] ?? resolve(ROOT, '../progress_kit_jupyter/static'));

await mkdir(STATIC, { recursive: true });
await cp(resolve(ROOT, 'src/page/assets'), STATIC, { recursive: true });
const { metafile } = await build({
  absWorkingDir: ROOT,
  metafile: true,
  entryPoints: {
    page: resolve(ROOT, 'src/page/main.ts'),
    share: resolve(ROOT, 'src/page/share-main.ts')
  },
  outdir: STATIC,
  tsconfig: resolve(ROOT, 'tsconfig.json'),
  bundle: true,
  minify: true,
  charset: 'utf8',
  format: 'esm',
  target: 'es2022',
  legalComments: 'none',
  logLevel: 'warning',
  alias: {
    react: 'preact/compat',
    'react-dom': 'preact/compat',
    'react-dom/client': 'preact/compat/client'
  }
});
const styles = await Promise.all(
  ['operation.css', 'panel.css', 'page.css'].map(name =>
    readFile(resolve(ROOT, 'style', name), 'utf8')
  )
);
const style = styles.join('\n');
for (const [, name] of style.matchAll(/var\((--jp-[\w-]+)/g)) {
  if (!style.includes(`${name}:`)) {
    throw new Error(`style/page.css has no ${name}, which the style of the components asks for`);
  }
}
const { code } = await transform(style, { loader: 'css', minify: true });
await writeFile(resolve(STATIC, 'page.css'), code);
await writeLicenses(metafile, ROOT, STATIC);
