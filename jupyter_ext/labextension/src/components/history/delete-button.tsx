import * as React from 'react';

import type { IWords } from '../words';

interface IDeleteProps {
  /** What the button says. */
  readonly label: string;
  /** What is asked before anything is deleted. */
  readonly question: string;
  /** Resolves with null when it is deleted, else with what was wrong. */
  readonly onDelete: () => Promise<string | null>;
  readonly words: IWords;
}

type Step = 'idle' | 'sure' | 'asked' | { refused: string };

/** Deletes for good, and so asks first. */
export function DeleteButton({
  label,
  question,
  onDelete,
  words
}: IDeleteProps): React.JSX.Element {
  const [step, setStep] = React.useState<Step>('idle');
  const mounted = React.useRef(true);
  React.useEffect(() => {
    mounted.current = true;
    return () => {
      mounted.current = false;
    };
  }, []);
  const ask = async (): Promise<void> => {
    setStep('asked');
    const refused = await onDelete().catch((error: unknown) => String(error));
    if (mounted.current) {
      setStep(refused === null ? 'idle' : { refused });
    }
  };
  if (step === 'asked') {
    return <span className="pk-quiet">{words.__('deleting…')}</span>;
  }
  if (step === 'sure') {
    return (
      <span className="pk-confirm" role="group" aria-label={question}>
        <span>{question}</span>
        <button type="button" className="pk-button" onClick={() => void ask()}>
          {words.__('delete')}
        </button>
        <button type="button" className="pk-button" autoFocus onClick={() => setStep('idle')}>
          {words.__('keep')}
        </button>
      </span>
    );
  }
  return (
    <>
      {step !== 'idle' && (
        <span className="pk-bad" role="alert">
          {words.__('not deleted: %1', step.refused)}
        </span>
      )}
      <button type="button" className="pk-button pk-plain" onClick={() => setStep('sure')}>
        {label}
      </button>
    </>
  );
}
