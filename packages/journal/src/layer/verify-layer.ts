import { createHash } from 'node:crypto';
import { RetraceError } from '@retrace/core';
import type { Damage } from '../storage/damage.js';
import { corrupt } from './corrupt.js';
import type { CachedPage } from './layer-caches.js';
import { type LayerFile, readDirectory, readFooter } from './layer-file.js';
import { decodeLayerHeader, LAYER_FOOTER_BYTES, LAYER_HEADER_BYTES } from './layer-frame.js';
import type { LayerGroup } from './layer-group.js';
import { LayerTally } from './layer-tally.js';
import type { LayerVolume } from './layer-volume.js';
import type { PageSet } from './page-set.js';
import { RowBatch } from './row-batch.js';
import type { RowPage } from './row-page.js';
import { levelOfKey } from './rows.js';

/** Bytes read at a time for the digest. */
const READ_BYTES = 4 * 1024 * 1024;

export interface VerifyLayerOptions {
  /** Told of the bytes read so far; each byte of the file is read twice. */
  readonly onProgress?: (bytes: number) => void;
  /** Waits until so many bytes more may be read. */
  readonly pace?: { spend(bytes: number): Promise<void> };
}

/** Runs checks and keeps what each of them finds. */
class LayerCheck {
  readonly damages: Damage[] = [];
  readonly #file: LayerFile;
  readonly #options: VerifyLayerOptions;
  #bytes = 0;

  constructor(file: LayerFile, options: VerifyLayerOptions) {
    this.#file = file;
    this.#options = options;
  }

  /** @returns undefined when what was read is damaged, which is noted */
  async #guard<T>(read: () => T | Promise<T>): Promise<T | undefined> {
    try {
      return await read();
    } catch (error) {
      if (!(error instanceof RetraceError) || error.code !== 'CORRUPTION') throw error;
      const place = String(error.details.place ?? this.#file.source.path);
      this.damages.push({ code: 'CORRUPTION', message: error.message, place });
      return undefined;
    }
  }

  async #spend(bytes: number): Promise<void> {
    this.#bytes += bytes;
    await this.#options.pace?.spend(bytes);
    this.#options.onProgress?.(this.#bytes);
  }

  async run(): Promise<void> {
    await this.#guard(() => this.#ends());
    for (const volume of this.#file.volumes()) await this.#volume(volume);
    for (const group of this.#file.groups()) await this.#group(group);
  }

  /** Header, footer and directory once more, and the digest of all before the footer. */
  async #ends(): Promise<void> {
    const { source, layer, digest, serverUuid } = this.#file;
    const footer = await readFooter(source, { layer, digest });
    await readDirectory(source, footer);
    const hash = createHash('sha256');
    const end = source.fileBytes - LAYER_FOOTER_BYTES;
    for (let at = 0; at < end; at += READ_BYTES) {
      const bytes = await source.read(at, Math.min(READ_BYTES, end - at));
      hash.update(bytes);
      await this.#spend(bytes.length);
    }
    if (!hash.digest().equals(footer.sha256)) {
      throw corrupt(source.path, 'its bytes are not those its digest was made of');
    }
    const header = decodeLayerHeader(await source.read(0, LAYER_HEADER_BYTES));
    if (typeof header === 'string') throw corrupt(source.place(0), header);
    if (header.layer !== layer || header.serverUuid !== serverUuid) {
      throw corrupt(source.place(0), `is of layer ${header.layer} of server ${header.serverUuid}`);
    }
  }

  async #volume(volume: LayerVolume): Promise<void> {
    const rows = new LayerTally();
    const sum = { dataBytes: 0, lastBlock: 0 };
    const areRowsRead = await this.#pages(
      () => volume.rowPages(),
      async (page) => {
        rows.versions(page);
        sum.lastBlock = page.keys[page.count - 1]!;
        for (const { plainBytes } of page.chunks) sum.dataBytes += plainBytes;
        await this.#chunks(page);
      },
    );
    const regions = new LayerTally();
    const levels = new Set<number>();
    const areRegionsRead = await this.#pages(
      () => volume.regionPages(),
      (page) => {
        regions.versions(page);
        for (const key of page.keys) levels.add(levelOfKey(key));
      },
    );
    await this.#guard(() => volume.activity());
    if (!areRowsRead || !areRegionsRead) return;
    const { path } = this.#file.source;
    const both = rows.joined(regions);
    const isAsListed =
      volume.rows === rows.count &&
      volume.regions === regions.count &&
      volume.dataBytes === sum.dataBytes &&
      volume.lastBlock === sum.lastBlock &&
      volume.firstBlock === Math.max(rows.firstKey, 0) &&
      [...levels].join() === volume.levels.join() &&
      volume.fromSeq === both.fromSeq &&
      volume.toSeq === both.toSeq;
    await this.#guard(() => {
      if (isAsListed) return;
      throw corrupt(path, `volume ${volume.volumeId} is not what the directory says of it`);
    });
  }

  async #chunks(page: RowPage): Promise<void> {
    for (let index = 0; index < page.chunks.length; index++) {
      const batch = await RowBatch.read(page, index, this.#file.source);
      await this.#spend(page.chunks[index]!.storedBytes);
      await this.#guard(() => {
        for (let row = 0; row < batch.count; row++) batch.data(row);
      });
    }
  }

  async #group(group: LayerGroup): Promise<void> {
    const tally = new LayerTally();
    const isRead = await this.#pages(
      () => group.recordPages(),
      ({ records }) => {
        for (const { seq } of records) tally.note(seq, seq);
      },
    );
    if (!isRead) return;
    await this.#guard(() => {
      const { records, fromSeq, toSeq } = group;
      if (tally.count === records && tally.fromSeq === fromSeq && tally.toSeq === toSeq) return;
      const { path } = this.#file.source;
      throw corrupt(path, `group ${group.groupId} is not what the directory says of it`);
    });
  }

  /** Reads pages one after the other. @returns false when any of them could not be read */
  async #pages<P extends CachedPage>(
    open: () => PageSet<P> | Promise<PageSet<P>> | undefined,
    visit: (page: P) => void | Promise<void>,
  ): Promise<boolean> {
    const before = this.damages.length;
    const pages = await this.#guard(open);
    for (let index = 0; index < (pages?.count ?? 0); index++) {
      await this.#guard(async () => {
        const page = await pages!.read(index);
        await this.#spend(pages!.directory.refOf(index).bytes);
        await placed(() => visit(page), pages!.placeOf(index));
      });
    }
    return this.damages.length === before;
  }
}

/** Gives what a visit finds wrong its place. */
const placed = async (visit: () => void | Promise<void>, place: string): Promise<void> => {
  try {
    await visit();
  } catch (error) {
    if (error instanceof RangeError) throw corrupt(place, error.message);
    throw error;
  }
};

/**
 * Reads a whole layer and checks everything that can be: its digest, each part's checksum, the
 * order and number of all rows, regions and records, and every block.
 * @returns what is damaged; empty when nothing is
 * @throws RetraceError STORAGE_FAILED when it cannot be read
 */
export const verifyLayer = async (
  file: LayerFile,
  options: VerifyLayerOptions = {},
): Promise<readonly Damage[]> => {
  const check = new LayerCheck(file, options);
  await check.run();
  return check.damages;
};
