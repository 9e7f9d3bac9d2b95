import * as React from 'react';

import { Icon } from './icons';
import type { IPartProps } from './parts';
import { tagsOf } from './texts';

/** The short words that say what is unlike a normal run, each with a shape of its own. */
export function Tags({ snapshot, look, watch, words }: IPartProps): React.JSX.Element {
  return (
    <>
      {tagsOf(snapshot, look, watch, words).map(({ mark, text }) => (
        <span key={mark} className={`pk-tag pk-tag-${mark}`} title={text}>
          {mark !== 'state' && <Icon shape={mark} />}
          <span>{text}</span>
        </span>
      ))}
    </>
  );
}
