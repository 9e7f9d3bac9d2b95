import * as React from 'react';

import type { Category, IGroupRow } from '../model';
import { Button } from './button';
import { count } from './format';
import { Icon } from './icons';
import { processText } from './texts';
import { isolate, type IWords } from './words';

interface IGroupHeaderProps {
  group: IGroupRow;
  onToggle: (key: string) => void;
  words: IWords;
}

/** Where operations run, how many of them, and a way to fold them away. */
export function GroupHeader({ group, onToggle, words }: IGroupHeaderProps): React.JSX.Element {
  const { key, origin, name, collapsed } = group;
  const path = origin.notebook ?? origin.script;
  return (
    <Button
      plain
      className="pk-group"
      aria-expanded={!collapsed}
      title={path ?? undefined}
      onClick={() => onToggle(key)}
    >
      <Icon shape={collapsed ? 'right' : 'down'} />
      <span className="pk-group-name">
        {name === null ? (
          processText(origin, words)
        ) : (
          <>
            <bdi>{name}</bdi>
            {origin.notebook === null && origin.host !== null && (
              <span className="pk-quiet"> {words.__('on %1', isolate(origin.host))}</span>
            )}
          </>
        )}
      </span>
      <span className="pk-group-counts">
        {countTexts(group, words).map((text, n) => (
          <span key={text}>{n === 0 ? text : ` · ${text}`}</span>
        ))}
      </span>
    </Button>
  );
}

/** `2 running`, `1 paused`, `1 failed`, `9 in all`; what has no room is left out as a whole, from the end. */
function countTexts({ counts, total }: IGroupRow, words: IWords): string[] {
  const of = (category: Category): number => counts.get(category) ?? 0;
  const [running, paused, pending, failed] = [
    of('running'),
    of('paused'),
    of('pending'),
    of('failed')
  ];
  return [
    running > 0 ? words.__('%1 running', count(running)) : null,
    paused > 0 ? words.__('%1 paused', count(paused)) : null,
    pending > 0 ? words.__('%1 waiting', count(pending)) : null,
    failed > 0 ? words.__('%1 failed', count(failed)) : null,
    total > running + paused + pending + failed ? words.__('%1 in all', count(total)) : null
  ].filter(part => part !== null);
}
