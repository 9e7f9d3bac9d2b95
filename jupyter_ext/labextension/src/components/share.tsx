import * as React from 'react';

import type { ILink, IShared, ISharing } from '../model';
import type { Snapshot } from '../protocol';
import { Button } from './button';
import { isolate, type IWords } from './words';

/** How long a link may work, in days; a week unless the user chooses otherwise. */
const DAYS = [1, 7, 30];
const USUAL_DAYS = 7;
/** A page from here gives links that lead others to their own machine. */
const LOOPBACK = /^(localhost|127(\.\d+){3}|\[::1\])$/;

export interface IShareProps {
  readonly snapshot: Snapshot;
  readonly sharing: ISharing;
  readonly words: IWords;
}

/** Makes a link by which others watch an operation, or its notebook, and takes such links back. */
export function Share({ snapshot, sharing, words }: IShareProps): React.JSX.Element {
  const { id, name } = snapshot;
  const { notebook } = snapshot.origin;
  const [whole, setWhole] = React.useState(false);
  const [days, setDays] = React.useState(USUAL_DAYS);
  const [address, setAddress] = React.useState<string | null>(null);
  const [trouble, setTrouble] = React.useState<string | null>(null);
  const [links, setLinks] = React.useState(() => sharing.links());
  const attempt = (done: Promise<void>): void => {
    setTrouble(null);
    done
      .catch((error: unknown) => setTrouble(error instanceof Error ? error.message : String(error)))
      .finally(() => setLinks(sharing.links()));
  };
  const shared: IShared =
    whole && notebook !== null
      ? { operation: null, notebook, name: notebook.replace(/^.*[\\/]/, '') }
      : { operation: id, notebook: null, name };
  return (
    <div className="pk-sharing" role="group" aria-label={words.__('Share %1', isolate(name))}>
      <span className="pk-quiet">
        {words.__('Whoever has the link can watch, without a login, and do nothing else.')}
      </span>
      <div className="pk-sharing-choices">
        {notebook !== null && (
          <select
            className="pk-select"
            aria-label={words.__('What is shared')}
            value={whole ? 'notebook' : 'operation'}
            onChange={({ target }) => setWhole(target.value === 'notebook')}
          >
            <option value="operation">{words.__('only this operation')}</option>
            <option value="notebook">{words.__('all of this notebook')}</option>
          </select>
        )}
        <select
          className="pk-select"
          aria-label={words.__('How long the link works')}
          value={days}
          onChange={({ target }) => setDays(Number(target.value))}
        >
          {DAYS.map(count => (
            <option key={count} value={count}>
              {words._n('for %1 day', 'for %1 days', count)}
            </option>
          ))}
        </select>
        <Button onClick={() => attempt(sharing.make(shared, days).then(setAddress))}>
          {words.__('make a link')}
        </Button>
      </div>
      {address !== null && <Address key={address} address={address} words={words} />}
      {trouble !== null && (
        <span className="pk-bad" role="alert">
          {words.__('that did not work: %1', trouble)}
        </span>
      )}
      {links.length > 0 && (
        <ul className="pk-links" aria-label={words.__('Links made in this browser')}>
          {links.map(link => (
            <Link
              key={link.jti}
              link={link}
              words={words}
              onRevoke={() =>
                attempt(
                  sharing.revoke(link.jti).then(() => {
                    // The list does not say which of them is on show, and a void link is not to be copied.
                    setAddress(null);
                  })
                )
              }
            />
          ))}
        </ul>
      )}
    </div>
  );
}

function Address({ address, words }: { address: string; words: IWords }): React.JSX.Element {
  const [copied, setCopied] = React.useState(false);
  const copy = (): void => {
    // Without permission, or over plain http, the link in the field can be copied by hand.
    void Promise.resolve()
      .then(() => navigator.clipboard.writeText(address))
      .then(
        () => setCopied(true),
        () => setCopied(false)
      );
  };
  return (
    <>
      <div className="pk-sharing-choices">
        <input
          className="pk-address"
          readOnly
          aria-label={words.__('Link')}
          value={address}
          onFocus={({ target }) => target.select()}
        />
        <Button onClick={copy}>{copied ? words.__('copied') : words.__('copy')}</Button>
      </div>
      {LOOPBACK.test(new URL(address).hostname) && (
        <span className="pk-quiet">
          {words.__('It works on this machine only, since that is where this page was opened.')}
        </span>
      )}
    </>
  );
}

interface ILinkProps {
  link: ILink;
  words: IWords;
  onRevoke: () => void;
}

function Link({ link, words, onRevoke }: ILinkProps): React.JSX.Element {
  const until = new Date(link.expires_at * 1000).toLocaleString([], {
    day: 'numeric',
    month: 'short',
    hour: '2-digit',
    minute: '2-digit'
  });
  return (
    <li className="pk-link">
      <bdi className="pk-link-name" title={link.name}>
        {link.name}
      </bdi>
      <span className="pk-quiet">{words.__('until %1', until)}</span>
      <Button
        plain
        aria-label={words.__('Revoke the link to %1', isolate(link.name))}
        onClick={onRevoke}
      >
        {words.__('revoke')}
      </Button>
    </li>
  );
}
