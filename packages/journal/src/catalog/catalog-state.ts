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
  /** Damage by which something was lost: every snapshot says it again, until a rebuild. */
  readonly losses: Damage[];
}

export const emptyState = (): CatalogState => ({
  kinds: new Map(),
  change: 0,
  linkedChange: 0,
  linkedDigest: Buffer.alloc(0),
  losses: [],
});

/** A copy that can be changed; the values are shared, for none is ever changed. */
export const copyState = (state: CatalogState): CatalogState => ({
  ...state,
  kinds: new Map([...state.kinds].map(([kind, entries]) => [kind, new Map(entries)])),
  losses: [...state.losses],
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

/** Forgets removed entries: a new database may use the keys of their versions again. */
export const dropRemoved = ({ kinds }: CatalogState): void => {
  for (const [kind, entries] of kinds) {
    for (const [id, { value }] of entries) if (value === undefined) entries.delete(id);
    if (entries.size === 0) kinds.delete(kind);
  }
};

/** How many entries there are. */
export const entryCount = ({ kinds }: CatalogState): number => {
  let count = 0;
  for (const entries of kinds.values()) {
    for (const { value } of entries.values()) if (value !== undefined) count++;
  }
  return count;
};
