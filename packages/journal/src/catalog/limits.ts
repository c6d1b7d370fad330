/** The catalog's own limits; each may be given another value when it is opened. */
export interface CatalogLimits {
  /** Changes after which a snapshot is written and a new generation begins. */
  readonly snapshotChanges: number;
}

export const CATALOG_LIMITS: CatalogLimits = { snapshotChanges: 512 };

/** Largest snapshot that is read: it is held in memory as a whole. */
export const SNAPSHOT_BYTES_MAX = 1024 * 1024 * 1024;

/** Largest stored value: a change names all it wrote. */
export const VALUE_BYTES_MAX = 4 * 1024 * 1024;

/** LevelDB's write buffer for a generation. */
export const WRITE_BUFFER_BYTES = 4 * 1024 * 1024;
