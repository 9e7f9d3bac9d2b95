// @vitest-environment node
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

import { VERSION } from '../src/version';

it('tells the hub the version that the package has', () => {
  const manifest = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  expect((JSON.parse(manifest) as { version: string }).version).toBe(VERSION);
});
