/** What a share link shows: one operation, or all operations of one notebook. */
export interface IShared {
  readonly operation: string | null;
  readonly notebook: string | null;
  /** What the link is listed by. */
  readonly name: string;
}

/** A link that was made in this browser. It is known by its id; its token is in the link alone. */
export interface ILink extends IShared {
  readonly jti: string;
  /** When it stops to work, in seconds since 1970. */
  readonly expires_at: number;
}

/** Makes share links, and takes them back. */
export interface ISharing {
  /** The links that were made in this browser and still work, the newest first. */
  links(): readonly ILink[];
  /** Make a link that works for so many days; resolves with its address. */
  make(shared: IShared, days: number): Promise<string>;
  /** Take a link back: whoever has it sees nothing any more. */
  revoke(jti: string): Promise<void>;
}
