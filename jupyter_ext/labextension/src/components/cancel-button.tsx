import * as React from 'react';

import { CloseIcon } from './icons';
import type { IWords } from './words';

interface ICancelProps {
  name: string;
  /** Whether to ask before asking the operation. */
  confirm: boolean;
  /** Resolves with null when the request was accepted, else with what was wrong. */
  onCancel: () => Promise<string | null>;
  words: IWords;
}

type Step = 'idle' | 'sure' | 'asked' | { refused: string };

/** Asks an operation to stop. That it did so is said by its state, not by this button. */
export function CancelButton({ name, confirm, onCancel, words }: ICancelProps): React.JSX.Element {
  const [step, setStep] = React.useState<Step>('idle');
  const mounted = React.useRef(true);
  React.useEffect(() => {
    mounted.current = true;
    return () => {
      mounted.current = false;
    };
  }, []);
  const ask = (): void => {
    setStep('asked');
    void onCancel().then(
      refused => {
        if (mounted.current && refused !== null) {
          setStep({ refused });
        }
      },
      (error: unknown) => {
        if (mounted.current) {
          setStep({ refused: String(error) });
        }
      }
    );
  };
  if (step === 'asked') {
    return <span className="pk-quiet">{words.__('cancelling…')}</span>;
  }
  if (step === 'sure') {
    return (
      <span className="pk-confirm" role="group" aria-label={words.__('Cancel %1?', name)}>
        <span>{words.__('Cancel it?')}</span>
        <button type="button" className="pk-button" autoFocus onClick={ask}>
          {words.__('yes')}
        </button>
        <button type="button" className="pk-button pk-plain" onClick={() => setStep('idle')}>
          {words.__('no')}
        </button>
      </span>
    );
  }
  return (
    <>
      {step !== 'idle' && (
        <span className="pk-bad" role="alert">
          {words.__('not cancelled: %1', step.refused)}
        </span>
      )}
      <button
        type="button"
        className="pk-button pk-plain"
        aria-label={words.__('Cancel %1', name)}
        title={words.__('Cancel')}
        onClick={confirm ? () => setStep('sure') : ask}
      >
        {confirm ? words.__('cancel') : <CloseIcon />}
      </button>
    </>
  );
}
