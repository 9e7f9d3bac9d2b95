/**
 * Writes src/protocol/types.ts from the JSON Schema of the wire, which the Python structs are the source of.
 * With --check it writes nothing and fails when the file is stale.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { compile } from 'json-schema-to-typescript';

const root = new URL('..', import.meta.url);
const schemaFile = new URL('../../progress_kit/protocol/progress-kit.v1.schema.json', root);
const typesFile = new URL('src/protocol/types.ts', root);

const schema = JSON.parse(await readFile(schemaFile, 'utf8'));
// `title` would name every inlined alternative; the keys of `$defs` are the names that we want.
for (const [name, definition] of Object.entries(schema.$defs)) {
  definition.title = name;
}
schema.title = 'Wire';
// What nothing refers to gets no type, and nothing refers to the bodies of the REST interface.
schema.anyOf = Object.keys(schema.$defs).map(name => ({ $ref: `#/$defs/${name}` }));
tuples(schema);
const text = await compile(schema, 'Wire', {
  additionalProperties: false,
  ignoreMinAndMaxItems: true,
  bannerComment:
    '/* Generated from progress_kit/protocol/progress-kit.v1.schema.json by `npm run types`; do not edit. */',
  style: { singleQuote: true, trailingComma: 'none', arrowParens: 'avoid' }
});

/** Say tuples as the compiler knows them: `items` as a list, which 2020-12 calls `prefixItems`. */
function tuples(node) {
  if (typeof node !== 'object' || node === null) {
    return;
  }
  if (Array.isArray(node.prefixItems)) {
    node.items = node.prefixItems;
    node.additionalItems = false;
    delete node.prefixItems;
  }
  Object.values(node).forEach(tuples);
}

if (process.argv.includes('--check')) {
  const present = await readFile(typesFile, 'utf8').catch(() => '');
  if (present !== text) {
    console.error(`${fileURLToPath(typesFile)} is stale: run \`npm run types\`.`);
    process.exitCode = 1;
  }
} else {
  await writeFile(typesFile, text);
}
