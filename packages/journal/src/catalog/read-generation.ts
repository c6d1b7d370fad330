import { type Damage, damage } from '../storage/damage.js';
import type { Database } from '../storage/database.js';
import {
  type ChangeRecord,
  decodeChange,
  decodeEnd,
  decodeVersion,
  digestOf,
  parseCatalogKey,
  type VersionRecord,
} from './catalog-codec.js';
import { generationPath } from './catalog-paths.js';
import { sealedCrc } from './sealed-map.js';

/** A version that is intact by itself. */
export interface FoundVersion extends VersionRecord {
  readonly kind: string;
  readonly id: string;
  readonly version: number;
  readonly crc: number;
}

/** A change whose link of the chain is intact by itself. */
export interface FoundLink {
  readonly record: ChangeRecord;
  readonly digest: Buffer;
}

/** All that a generation's database holds. Whether it belongs together is not checked yet. */
export interface GenerationContents {
  readonly generation: number;
  readonly links: ReadonlyMap<number, FoundLink>;
  /** By `versionName`. */
  readonly versions: ReadonlyMap<string, FoundVersion>;
  /** Numbers of all changes of which anything is there, damaged or not. */
  readonly changes: ReadonlySet<number>;
  /** The generation that is said to follow. */
  readonly next: number | undefined;
  readonly problems: readonly Damage[];
}

export const versionName = (kind: string, id: string, version: number): string =>
  `${kind} "${id}" version ${version}`;

/**
 * Reads a generation, and checks every key and value by itself. LevelDB says nothing of damage: a
 * flipped bit in its log drops whole changes, one in a table comes back as data.
 */
export const readContents = async (
  database: Database,
  generation: number,
): Promise<GenerationContents> => {
  const links = new Map<number, FoundLink>();
  const versions = new Map<string, FoundVersion>();
  const changes = new Set<number>();
  const problems: Damage[] = [];
  let next: number | undefined;
  const report = (what: string, why: string): void => {
    problems.push(damage(`${generationPath(generation)} ${what}`, why));
  };
  for await (const entries of database.scan({})) {
    for (const [key, value] of entries) {
      const parsed = parseCatalogKey(key);
      if (parsed === undefined) {
        report(`key ${key.toString('hex')}`, 'not a key of the catalog');
      } else if (parsed.what === 'change') {
        const record = decodeChange(value);
        if (typeof record === 'string') {
          report(`change ${parsed.number}`, record);
          changes.add(parsed.number);
          continue;
        }
        // The value has a checksum, the key has none.
        if (record.number !== parsed.number) {
          report(`change ${parsed.number}`, `it says it is change ${record.number}`);
        }
        changes.add(record.number);
        links.set(record.number, { record, digest: digestOf(value) });
      } else if (parsed.what === 'version') {
        const { kind, id, version } = parsed;
        const name = versionName(kind, id, version);
        const decoded = decodeVersion(value);
        if (typeof decoded === 'string') {
          report(name, decoded);
        } else {
          changes.add(decoded.change);
          versions.set(name, { kind, id, version, crc: sealedCrc(value), ...decoded });
        }
      } else {
        const end = decodeEnd(value);
        if (typeof end === 'string') report('its end', end);
        else if (end.next !== parsed.next) report('its end', `it says generation ${end.next}`);
        else next = end.next;
      }
    }
  }
  return { generation, links, versions, changes, next, problems };
};
