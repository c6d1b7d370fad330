import type { Storage } from '../storage/storage.js';

/** Folder of the catalog's generations and snapshots. */
export const CATALOG_DIRECTORY = 'catalog';

/**
 * Generation 0: the one database of which the whole catalog consisted before there were
 * generations, put here when it is first opened by a release that knows them.
 */
export const FLAT_CATALOG = 'catalog.old';

/** A snapshot that is being written, and counts for nothing. */
export const NEW_SNAPSHOT = `${CATALOG_DIRECTORY}/snapshot.new`;

const NUMBER_DIGITS = 10;
const GENERATION = /^\d{10}$/;
const SNAPSHOT = /^snapshot-(\d{10})$/;
/** Without one of these, a folder is no LevelDB database. */
const DATABASE_FILE = /^(CURRENT|MANIFEST-\d+)$/;
/** Catalogs that an earlier release could not open. */
const PUT_ASIDE = /^catalog\.damaged-\d+$/;

const digits = (number: number): string => String(number).padStart(NUMBER_DIGITS, '0');

/** LevelDB database of a generation's changes. */
export const generationPath = (generation: number): string =>
  generation === 0 ? FLAT_CATALOG : `${CATALOG_DIRECTORY}/${digits(generation)}`;

/** The snapshot a generation begins with. */
export const snapshotPath = (generation: number): string =>
  `${CATALOG_DIRECTORY}/snapshot-${digits(generation)}`;

/** What lies in a data directory of the catalog, by name. All numbers ascend. */
export interface CatalogNames {
  readonly generations: readonly number[];
  readonly snapshots: readonly number[];
  /** True when the folder itself is a database of the time before generations. */
  readonly isFlat: boolean;
  /** Paths of catalogs that an earlier release could not open. */
  readonly putAside: readonly string[];
  /** Whether the folder is there, be it empty. */
  readonly isThere: boolean;
}

/** Looks which generations and snapshots there are. Changes nothing. */
export const listCatalog = async (storage: Storage): Promise<CatalogNames> => {
  const root = await storage.list('');
  const names = await storage.list(CATALOG_DIRECTORY);
  const generations = names.filter((name) => GENERATION.test(name)).map(Number);
  const snapshots = names.flatMap((name) => SNAPSHOT.exec(name)?.[1] ?? []).map(Number);
  const hasOwn = generations.length > 0 || snapshots.length > 0;
  return {
    generations: [...(root.includes(FLAT_CATALOG) ? [0] : []), ...generations],
    snapshots,
    isFlat: !hasOwn && names.some((name) => DATABASE_FILE.test(name)),
    putAside: root.filter((name) => PUT_ASIDE.test(name)),
    isThere: root.includes(CATALOG_DIRECTORY),
  };
};

/** The highest number any file of the catalog has; 0 when there is none. */
export const highestNumber = ({ generations, snapshots }: CatalogNames): number =>
  Math.max(0, ...generations, ...snapshots);
