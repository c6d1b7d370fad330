import type { Damage } from '../storage/damage.js';
import type { CatalogMap } from './catalog-codec.js';

/** The newest version of one entry. */
export interface CurrentVersion {
  /** 0 before the first. Counts damaged versions too, so that no key is written twice. */
  readonly version: number;
  /** Undefined when removed, or when no version can be read. */
  readonly value: CatalogMap | undefined;
}

/** What a catalog holds, and where its chain of changes ends. */
export interface CatalogState {
  readonly kinds: Map<string, Map<string, CurrentVersion>>;
  /** Number of the newest change; 0 before the first. */
  change: number;
  /** Newest change that can be read, and the digest of its bytes: what the next one names. */
  linkedChange: number;
  linkedDigest: Buffer;
  readonly problems: Damage[];
}

export const emptyState = (): CatalogState => ({
  kinds: new Map(),
  change: 0,
  linkedChange: 0,
  linkedDigest: Buffer.alloc(0),
  problems: [],
});

const ABSENT: CurrentVersion = { version: 0, value: undefined };

export const currentVersion = (state: CatalogState, kind: string, id: string): CurrentVersion =>
  state.kinds.get(kind)?.get(id) ?? ABSENT;

export const setCurrent = (
  state: CatalogState,
  kind: string,
  id: string,
  current: CurrentVersion,
): void => {
  let entries = state.kinds.get(kind);
  if (entries === undefined) {
    entries = new Map();
    state.kinds.set(kind, entries);
  }
  entries.set(id, current);
};
