import * as React from 'react';

/** False in a row of a list that is not the one the keyboard is at: its buttons are reached through the row. */
export const Reach = React.createContext(true);

type ButtonProps = React.ButtonHTMLAttributes<HTMLButtonElement> & {
  /** Without a frame. */
  plain?: boolean;
};

export function Button({ plain = false, className, ...props }: ButtonProps): React.JSX.Element {
  const reachable = React.useContext(Reach);
  return (
    <button
      type="button"
      className={['pk-button', plain && 'pk-plain', className].filter(Boolean).join(' ')}
      tabIndex={reachable ? undefined : -1}
      {...props}
    />
  );
}
