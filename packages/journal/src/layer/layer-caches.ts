import { BlockCache } from './block-cache.js';
import { ByteCache } from './byte-cache.js';
import type { PageDirectory } from './page-directory.js';
import type { RecordPage } from './record-page.js';
import type { VersionPage } from './version-page.js';

/** What is kept decoded of a file's index. */
export type CachedPage = VersionPage | RecordPage | PageDirectory;

export interface LayerCacheLimits {
  /** Decoded pages and page directories. */
  readonly pageBytesMax: number;
  /** Decompressed chunks. */
  readonly chunkBytesMax: number;
  /** Single blocks of them. */
  readonly blockBytesMax: number;
}

/** What all open layers keep in memory, within one bound. */
export class LayerCaches {
  readonly pages: ByteCache<CachedPage>;
  readonly chunks: ByteCache<Buffer>;
  readonly blocks: BlockCache;

  constructor({ pageBytesMax, chunkBytesMax, blockBytesMax }: LayerCacheLimits) {
    this.pages = new ByteCache<CachedPage>(pageBytesMax, ({ memoryBytes }) => memoryBytes);
    this.blocks = new BlockCache(blockBytesMax);
    this.chunks = new ByteCache<Buffer>(chunkBytesMax, ({ length }) => length);
  }
}
