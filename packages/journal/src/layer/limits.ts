const KIB = 1024;
const MIB = 1024 * KIB;

/** How a layer is cut into parts, and what one query may cost. Bounds are inclusive. */
export interface LayerLimits {
  /** Payload of one data chunk, before compression; a single block may be more. */
  readonly chunkBytes: number;
  /** Rows of one page, and regions of one page. */
  readonly pageRows: number;
  readonly pageRecords: number;
  /** Bodies of the records of one page; a single body may be more. */
  readonly pageBodyBytes: number;
  /** Of zstd, 1 to 19; 0 compresses nothing. */
  readonly compressionLevel: number;
  /** A range query ends early after so many pages. */
  readonly queryPagesMax: number;
}

export const LAYER_LIMITS: LayerLimits = {
  chunkBytes: 256 * KIB,
  pageRows: 4096,
  pageRecords: 4096,
  pageBodyBytes: MIB,
  compressionLevel: 1,
  queryPagesMax: 16,
};

/**
 * What the format allows, whatever the limits of who wrote it: a reader allocates no more, whatever
 * a file says. Bounds are inclusive.
 */
export const LAYER_BOUNDS = {
  chunkPlainBytes: 4 * MIB,
  pageRows: 65_536,
  /** The columns of one page. */
  pagePlainBytes: 16 * MIB,
  /** A page directory, or a volume's activity. */
  tablePlainBytes: 512 * MIB,
  directoryPlainBytes: 256 * MIB,
  /** Entries of a list in the directory. */
  listLength: 4 * MIB,
  columns: 64,
} as const;
