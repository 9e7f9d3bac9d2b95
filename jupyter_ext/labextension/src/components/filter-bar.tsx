import * as React from 'react';

import { CATEGORIES, type Category, type IOutline } from '../model';
import { Button } from './button';
import { count } from './format';
import type { IWords } from './words';

interface IFilterBarProps {
  chosen: ReadonlySet<Category>;
  counts: IOutline['counts'];
  onChoose: (chosen: ReadonlySet<Category>) => void;
  words: IWords;
}

/** One chip for each state that there is; with none pressed all are shown. */
export const FilterBar = React.memo(function FilterBar({
  chosen,
  counts,
  onChoose,
  words
}: IFilterBarProps): React.JSX.Element | null {
  const offered = CATEGORIES.filter(each => (counts.get(each) ?? 0) > 0 || chosen.has(each));
  const toggle = (category: Category): void => {
    const next = new Set(chosen);
    if (!next.delete(category)) {
      next.add(category);
    }
    onChoose(next);
  };
  return offered.length === 0 ? null : (
    <div className="pk-filters" role="group" aria-label={words.__('Show only')}>
      {offered.map(category => (
        <Button
          key={category}
          className={`pk-filter pk-filter-${category}`}
          aria-pressed={chosen.has(category)}
          onClick={() => toggle(category)}
        >
          {categoryText(category, words)} <span>{count(counts.get(category) ?? 0)}</span>
        </Button>
      ))}
    </div>
  );
});

function categoryText(category: Category, words: IWords): string {
  switch (category) {
    case 'running':
      return words.__('Running');
    case 'paused':
      return words.__('Paused');
    case 'pending':
      return words.__('Waiting');
    case 'succeeded':
      return words.__('Succeeded');
    case 'failed':
      return words.__('Failed');
    case 'cancelled':
      return words.__('Cancelled');
    case 'lost':
      return words.__('Lost');
    case 'other':
      return words.__('Other');
  }
}
