/** The licences of what a bundle contains, in the form that JupyterLab's builder has for its own. */
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';

/** What all of a path is that belongs to one installed package. */
const PACKAGE = /^(.*node_modules\/((?:@[^/]+\/)?[^/]+))\//;

/**
 * Write third-party-licenses.json into `directory`: the packages of which anything is in the outputs of esbuild's
 * `metafile`, whose paths are relative to `root`. A package that does not name its licence is an error; some that name
 * it (Lumino's) come without its text.
 */
export async function writeLicenses(metafile, root, directory) {
  const inputs = Object.values(metafile.outputs)
    .flatMap(({ inputs }) => Object.entries(inputs))
    .filter(([, { bytesInOutput }]) => bytesInOutput > 0)
    .map(([path]) => path);
  const found = new Map();
  for (const [, folder, name] of inputs.map(path => PACKAGE.exec(path)).filter(Boolean)) {
    found.set(name, resolve(root, folder));
  }
  const packages = [];
  for (const [name, folder] of [...found].sort()) {
    const { version, license } = JSON.parse(
      await readFile(resolve(folder, 'package.json'), 'utf8')
    );
    const file = (await readdir(folder)).find(entry => /^licen[cs]e/i.test(entry));
    if (!license) {
      throw new Error(`${name}, which is bundled, names no licence in ${folder}`);
    }
    packages.push({
      name,
      versionInfo: version,
      licenseId: license,
      extractedText: file === undefined ? '' : await readFile(resolve(folder, file), 'utf8')
    });
  }
  await writeFile(
    resolve(directory, 'third-party-licenses.json'),
    `${JSON.stringify({ packages }, null, 2)}\n`
  );
}
