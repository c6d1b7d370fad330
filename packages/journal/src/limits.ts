const MIB = 1024 * 1024;

/** Limits of the journal that a server may set; units at the end of names, bounds inclusive. */
export interface JournalLimits {
  /**
   * Content records the hot index holds; past it ingest is refused with INDEX_FULL until sealing
   * has made room.
   */
  readonly indexExtentsMax: number;
  /** Volumes one journal can hold: their numbers are packed into 17 bits of an index key. */
  readonly volumesMax: number;
  /** Hash lookups one BLOCK_STATUS may cost before it answers with what it has so far. */
  readonly extentsLookupsMax: number;
  /** Extents one BLOCK_STATUS answers at most. */
  readonly extentsPerAnswerMax: number;
  /** Decoded pages and page directories of layers that are kept in memory. */
  readonly layerPageBytesMax: number;
  /** Decompressed payload of layers that is kept in memory. */
  readonly layerChunkBytesMax: number;
  /** The same by single blocks, for reads at random places. */
  readonly layerBlockBytesMax: number;
}

/** About 75 bytes of memory an extent (docs/architecture.md): 16 million take 1.2 GB. */
export const JOURNAL_LIMITS: JournalLimits = {
  indexExtentsMax: 16_000_000,
  volumesMax: 131_071,
  extentsLookupsMax: 16_384,
  extentsPerAnswerMax: 16_384,
  layerPageBytesMax: 64 * MIB,
  layerChunkBytesMax: 64 * MIB,
  layerBlockBytesMax: 192 * MIB,
};
