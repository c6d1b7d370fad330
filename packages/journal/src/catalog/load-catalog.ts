import { damage } from '../storage/damage.js';
import type { Database } from '../storage/database.js';
import {
  type ChangeRecord,
  decodeChange,
  decodeVersion,
  digestOf,
  parseCatalogKey,
  sealedCrc,
} from './catalog-codec.js';
import { type CatalogState, currentVersion, emptyState, setCurrent } from './catalog-state.js';

/** Directory of the catalog's database. */
export const CATALOG_DIRECTORY = 'catalog';

/** What a scan found, before the chain is checked. */
interface Found {
  readonly state: CatalogState;
  readonly changes: Map<number, { readonly record: ChangeRecord; readonly digest: Buffer }>;
  /** Checksum of each version that is intact, by `versionName`. */
  readonly versions: Map<string, number>;
}

const versionName = (kind: string, id: string, version: number): string =>
  `${kind} "${id}" version ${version}`;

/**
 * Reads a catalog and checks all of it: every checksum, versions dense from 1, changes dense from
 * 1 and each naming the digest of the one before, and each version written by a change that names
 * its checksum. LevelDB tells none of that: a flipped bit in its log drops whole changes, one in a
 * table comes back as data.
 */
export const loadCatalog = async (database: Database): Promise<CatalogState> => {
  const found: Found = { state: emptyState(), changes: new Map(), versions: new Map() };
  for await (const entries of database.scan({})) {
    for (const [key, value] of entries) readEntry(found, key, value);
  }
  checkChain(found);
  return found.state;
};

const readEntry = (found: Found, key: Buffer, value: Buffer): void => {
  const { state } = found;
  const parsed = parseCatalogKey(key);
  if (parsed === undefined) {
    const place = `${CATALOG_DIRECTORY} key ${key.toString('hex')}`;
    state.problems.push(damage(place, 'not a key of the catalog'));
    return;
  }
  if (parsed.what === 'change') {
    readChange(found, parsed.number, value);
    return;
  }
  const { kind, id, version } = parsed;
  const name = versionName(kind, id, version);
  const place = `${CATALOG_DIRECTORY} ${name}`;
  const before = currentVersion(state, kind, id);
  if (version !== before.version + 1) {
    const what = `the version before it is ${before.version || 'missing'}: some are lost`;
    state.problems.push(damage(place, what));
  }
  const decoded = decodeVersion(value);
  if (typeof decoded === 'string') {
    state.problems.push(damage(place, `${decoded}; the version before it is used`));
    setCurrent(state, kind, id, { version, value: before.value });
  } else {
    found.versions.set(name, sealedCrc(value));
    setCurrent(state, kind, id, { version, value: decoded.value });
  }
};

const readChange = ({ state, changes }: Found, number: number, value: Buffer): void => {
  state.change = Math.max(state.change, number);
  const record = decodeChange(value);
  if (typeof record !== 'string' && record.number === number) {
    changes.set(number, { record, digest: digestOf(value) });
    return;
  }
  const what = typeof record === 'string' ? record : `it says it is change ${record.number}`;
  state.problems.push(damage(`${CATALOG_DIRECTORY} change ${number}`, what));
};

const checkChain = ({ state, changes, versions }: Found): void => {
  const named = new Set<string>();
  const numbers = [...changes.keys()].sort((a, b) => a - b);
  for (const number of numbers) {
    const { record, digest } = changes.get(number)!;
    const place = `${CATALOG_DIRECTORY} change ${number}`;
    const report = (message: string): void => {
      state.problems.push(damage(place, message));
    };
    if (number !== state.linkedChange + 1) {
      report(`changes ${state.linkedChange + 1} to ${number - 1} are missing or damaged`);
    } else if (record.previous !== number - 1) {
      report(`changes ${record.previous + 1} to ${number - 1} had been lost when it was made`);
    } else if (!record.previousDigest.equals(state.linkedDigest)) {
      report(`change ${number - 1} is not the one it was made after`);
    }
    for (const { kind, id, version, crc } of record.versions) {
      const name = versionName(kind, id, version);
      named.add(name);
      if (versions.get(name) !== crc) report(`its ${name} is missing or damaged`);
    }
    state.linkedChange = number;
    state.linkedDigest = digest;
  }
  for (const name of versions.keys()) {
    if (named.has(name)) continue;
    state.problems.push(damage(`${CATALOG_DIRECTORY} ${name}`, 'no readable change wrote it'));
  }
};
