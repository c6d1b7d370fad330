import type { Storage } from '../storage/storage.js';
import { isPassing } from '../storage/storage-error.js';
import { openGeneration } from './begin-generation.js';
import { type CatalogNames, listCatalog } from './catalog-paths.js';
import { type GenerationContents, readContents } from './read-generation.js';
import { type DecodedSnapshot, decodeSnapshot, type SnapshotHeader } from './snapshot-codec.js';
import { readSnapshot } from './snapshot-file.js';

/** A snapshot of which every byte is right. */
export interface IntactSnapshot extends DecodedSnapshot {
  readonly header: SnapshotHeader;
}

export interface FoundSnapshot {
  readonly generation: number;
  /** Undefined when the file cannot be read at all. */
  readonly decoded: DecodedSnapshot | undefined;
  readonly intact: IntactSnapshot | undefined;
  /** What is wrong with it. */
  readonly why: string | undefined;
  /** The error when it could not be read. */
  readonly failure?: unknown;
}

export interface FoundGeneration {
  readonly generation: number;
  /** Undefined when its database cannot be opened, or not be read to its end. */
  readonly contents: GenerationContents | undefined;
  /** The error then. */
  readonly failure?: unknown;
}

/** Everything of a catalog that may be needed, each part checked by itself. Numbers ascend. */
export interface FoundCatalog {
  readonly names: CatalogNames;
  readonly snapshots: readonly FoundSnapshot[];
  readonly generations: readonly FoundGeneration[];
}

/** Snapshots that are read: the newest intact one, and the one that stands in for it. */
const INTACT_WANTED = 2;

const textOf = (error: unknown): string => {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  return cause instanceof Error ? cause.message : String(cause);
};

const findSnapshot = async (storage: Storage, generation: number): Promise<FoundSnapshot> => {
  const unread = { generation, decoded: undefined, intact: undefined };
  let bytes: Buffer | string;
  try {
    bytes = await readSnapshot(storage, generation);
  } catch (failure) {
    if (isPassing(failure)) throw failure;
    return { ...unread, why: textOf(failure), failure };
  }
  if (typeof bytes === 'string') return { ...unread, why: bytes };
  const decoded = decodeSnapshot(bytes);
  const { header, problems } = decoded;
  const [first] = problems;
  if (header === undefined || first !== undefined) {
    const why = first === undefined ? 'no header' : `byte ${first.at}: ${first.why}`;
    return { ...unread, decoded, why };
  }
  if (header.generation !== generation) {
    return { ...unread, why: `it is the snapshot of generation ${header.generation}` };
  }
  return { generation, decoded, intact: { ...decoded, header }, why: undefined };
};

const findGeneration = async (storage: Storage, generation: number): Promise<FoundGeneration> => {
  try {
    const database = await openGeneration(storage, generation);
    try {
      const contents = await readContents(database, generation);
      return { generation, contents };
    } finally {
      await database.close();
    }
  } catch (failure) {
    if (isPassing(failure)) throw failure;
    return { generation, contents: undefined, failure };
  }
};

/**
 * Reads the newest two intact snapshots, and all generations from the older one on; the damaged
 * ones that are newer as well. Changes nothing but what LevelDB does when it opens a database.
 * @throws the storage's error when it says nothing of the stored bytes: a full disk, say
 */
export const readCatalog = async (storage: Storage): Promise<FoundCatalog> => {
  const names = await listCatalog(storage);
  const snapshots: FoundSnapshot[] = [];
  let intact = 0;
  for (const number of [...names.snapshots].reverse()) {
    const found = await findSnapshot(storage, number);
    snapshots.unshift(found);
    if (found.intact !== undefined) intact++;
    if (intact === INTACT_WANTED) break;
  }
  const from = intact === INTACT_WANTED ? (snapshots[0]?.generation ?? 0) : 0;
  const generations: FoundGeneration[] = [];
  for (const number of names.generations) {
    if (number >= from) generations.push(await findGeneration(storage, number));
  }
  return { names, snapshots, generations };
};

/** What a failure says, for a message. */
export const failureText = ({ failure }: FoundGeneration): string => textOf(failure);
