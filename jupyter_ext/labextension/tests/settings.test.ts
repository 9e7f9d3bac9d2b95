import { readFileSync } from 'node:fs';

import { Signal } from '@lumino/signaling';
import { expect, it, vi } from 'vitest';

import { Settings } from '../src/plugins/settings';

interface ISchema {
  title: string;
  properties: Record<string, { title: string; description: string; default: unknown }>;
}

const schema = JSON.parse(readFileSync('schema/settings.json', 'utf8')) as ISchema;

/** What the user's file has, with the schema's defaults for the rest: as the registry gives it. */
function stored(values: Record<string, unknown> = {}) {
  const changed = new Signal<object, void>({});
  const defaults = Object.entries(schema.properties).map(([name, each]) => [name, each.default]);
  const composite = { ...(Object.fromEntries(defaults) as object), ...values };
  return { composite, changed } as unknown as Parameters<Settings['follow']>[0] & typeof changed;
}

function valuesOf(settings: Settings) {
  const { notify, cellsAfter_s, badge, statusBar, tabTitle, favicon } = settings;
  return { notify, cellsAfter_s, badge, statusBar, tabTitle, favicon };
}

it('has without a settings registry what the schema has as defaults', () => {
  const followed = new Settings();
  followed.follow(stored());
  expect(valuesOf(new Settings())).toEqual(valuesOf(followed));
});

it('tells of what the user changes', () => {
  const settings = new Settings();
  const told = vi.fn();
  settings.changed.connect(told);
  settings.follow(stored({ notify: 'failure', notifyAfter_s: 5, cellsAfter_s: 60, badge: false }));
  expect(told).toHaveBeenCalledOnce();
  expect(valuesOf(settings)).toMatchObject({
    notify: { when: 'failure', after_s: 5 },
    cellsAfter_s: 60,
    badge: false,
    favicon: true
  });
});

it('follows a change of the stored values', () => {
  const settings = new Settings();
  const file = { composite: { notify: 'never' }, changed: new Signal<object, void>({}) };
  settings.follow(file as unknown as Parameters<Settings['follow']>[0]);
  file.composite = { notify: 'always' };
  file.changed.emit();
  expect(settings.notify).toEqual({ when: 'always', after_s: 30 });
});

it("is silent while JupyterLab's notifications are, and tells of that", () => {
  const settings = new Settings();
  expect(settings.silent).toBe(false);
  const told = vi.fn();
  settings.changed.connect(told);
  const file = { composite: { doNotDisturbMode: true }, changed: new Signal<object, void>({}) };
  settings.followSilence(file as unknown as Parameters<Settings['followSilence']>[0]);
  expect([settings.silent, told.mock.calls.length]).toEqual([true, 1]);
  file.composite = { doNotDisturbMode: false };
  file.changed.emit();
  expect([settings.silent, told.mock.calls.length]).toEqual([false, 2]);
  expect(settings.badge).toBe(true);
});

it('says of each setting what it is', () => {
  for (const each of Object.values(schema.properties)) {
    expect(each.title).not.toBe('');
    expect(each.description).toMatch(/\.$/);
  }
  // A number has its unit in its name and in its title.
  const numbers = Object.entries(schema.properties).filter(
    ([, each]) => typeof each.default === 'number'
  );
  expect(numbers.map(([name]) => name)).toEqual(['notifyAfter_s', 'cellsAfter_s']);
  numbers.forEach(([, each]) => expect(each.title).toContain('seconds'));
});
