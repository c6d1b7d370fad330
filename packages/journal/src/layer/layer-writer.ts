import { assert, crc32c, LIMITS } from '@retrace/core';
import { compress } from '../codec/codec.js';
import type { Storage, StoredFile } from '../storage/storage.js';
import { storageError } from '../storage/storage-error.js';
import { GroupSection } from './group-section.js';
import {
  encodeLayerDirectory,
  type GroupEntry,
  type LayerInput,
  type VolumeEntry,
} from './layer-directory.js';
import { encodeLayerFooter, encodeLayerHeader, LAYER_FOOTER_BYTES } from './layer-frame.js';
import { LayerOutput } from './layer-output.js';
import { LAYER_BOUNDS, LAYER_LIMITS, type LayerLimits } from './limits.js';
import type { LayerRecord } from './record-page.js';
import type { ActivityRow, RowKind } from './rows.js';
import { type VolumeIdentity, VolumeSection } from './volume-section.js';

export interface LayerWriterOptions {
  readonly storage: Storage;
  /** A file that must not exist; its directory must. */
  readonly path: string;
  readonly layer: number;
  readonly serverUuid: string;
  readonly limits?: Partial<LayerLimits>;
}

/** What a finished layer holds. Bounds are inclusive; seqs are 0 where there is nothing. */
export interface LayerSummary {
  readonly layer: number;
  /** Of the whole file. */
  readonly bytes: number;
  /** SHA-256 over everything before the footer, in hex. */
  readonly digest: string;
  readonly fromLsn: number;
  readonly toLsn: number;
  readonly groups: readonly {
    readonly groupId: number;
    readonly fromSeq: number;
    readonly toSeq: number;
    readonly records: number;
  }[];
  readonly volumes: readonly {
    readonly volumeId: number;
    readonly groupId: number;
    readonly rows: number;
    readonly regions: number;
    readonly dataBytes: number;
    readonly fromSeq: number;
    readonly toSeq: number;
  }[];
}

const checkedLimits = (limits: Partial<LayerLimits> | undefined): LayerLimits => {
  const all = { ...LAYER_LIMITS, ...limits };
  const rowsMax = LAYER_BOUNDS.pageRows;
  assert(all.chunkBytes <= LAYER_BOUNDS.chunkPlainBytes, 'chunks are within the format');
  assert(all.pageRows >= 1 && all.pageRows <= rowsMax, 'pages of rows are within the format');
  assert(all.pageRecords >= 1 && all.pageRecords <= rowsMax, 'record pages are within the format');
  assert(all.pageBodyBytes <= LAYER_BOUNDS.pagePlainBytes / 2, 'bodies are within the format');
  return all;
};

/**
 * Writes one layer file, in the order of its sections: volumes ascending, each with its rows,
 * regions and activity; then groups ascending, each with its records. Nothing is written before
 * `flush`: whoever adds calls it every so many `pendingBytes`. What breaks the order is a mistake:
 * INTERNAL.
 */
export class LayerWriter {
  readonly #storage: Storage;
  readonly #path: string;
  readonly #layer: number;
  readonly #serverUuid: string;
  readonly #limits: LayerLimits;
  readonly #file: StoredFile;
  readonly #output: LayerOutput;
  readonly #volumes: VolumeEntry[] = [];
  readonly #groups: GroupEntry[] = [];
  #volumeId = 0;
  #groupId = 0;
  #volume: VolumeSection | undefined;
  #group: GroupSection | undefined;
  #closed = false;

  private constructor(options: LayerWriterOptions, file: StoredFile) {
    this.#storage = options.storage;
    this.#path = options.path;
    this.#layer = options.layer;
    this.#serverUuid = options.serverUuid;
    this.#limits = checkedLimits(options.limits);
    this.#file = file;
    this.#output = new LayerOutput(file, options.path);
    this.#output.put([encodeLayerHeader(options)]);
  }

  /** Makes the file. @throws RetraceError STORAGE_FAILED (it exists, say), DISK_FULL */
  static async create(options: LayerWriterOptions): Promise<LayerWriter> {
    checkedLimits(options.limits);
    try {
      return new LayerWriter(options, await options.storage.open(options.path, 'create'));
    } catch (error) {
      throw storageError(error, `making ${options.path}`);
    }
  }

  /** Bytes that wait for `flush`; what is still being gathered into a part does not count. */
  get pendingBytes(): number {
    return this.#output.pendingBytes;
  }

  /** Begins a volume's section, which may stay empty. Ids ascend. */
  beginVolume(volume: VolumeIdentity): void {
    assert(this.#groupId === 0, 'volumes come before groups');
    assert(volume.volumeId > this.#volumeId, 'volumes ascend');
    const { blockBytes } = volume;
    assert(blockBytes >= 1 && blockBytes <= LIMITS.blockBytesMax, 'blocks are within the limits');
    this.#endSections();
    this.#volumeId = volume.volumeId;
    this.#volume = new VolumeSection(volume, this.#output, this.#limits);
  }

  /**
   * Adds a version of a block; versions ascend by (block, seq).
   * @param checksum - crc32c of `data`; of no meaning without
   * @param data - of rows of kind `data` only, copied: a whole block, or less where the volume ends
   */
  row(block: number, seq: number, kind: RowKind, checksum: number, data: Buffer | undefined): void {
    assert(this.#volume !== undefined, 'rows belong to a volume');
    this.#volume.row(block, seq, kind, checksum, data);
  }

  /** Adds a range that reads as zeros from `seq` on; they ascend by (level, index, seq). */
  region(level: number, index: number, seq: number): void {
    assert(this.#volume !== undefined, 'regions belong to a volume');
    this.#volume.region(level, index, seq);
  }

  /** What the volume did by the second; seconds ascend. */
  activity(rows: readonly ActivityRow[]): void {
    assert(this.#volume !== undefined, 'activity belongs to a volume');
    this.#volume.activity(rows);
  }

  /** Begins a group's section. Ids ascend. */
  beginGroup(groupId: number): void {
    assert(groupId > this.#groupId, 'groups ascend');
    this.#endSections();
    this.#groupId = groupId;
    this.#group = new GroupSection(groupId, this.#output, this.#limits);
  }

  /** Adds a record's header; seqs ascend. It is kept until its page is full. */
  record(record: LayerRecord): void {
    assert(this.#group !== undefined, 'records belong to a group');
    this.#group.add(record);
  }

  /**
   * Writes what is pending. Nothing may be added until it is done.
   * @throws RetraceError STORAGE_FAILED, DISK_FULL; then only `abort` is left
   */
  flush(): Promise<void> {
    return this.#output.flush();
  }

  #endSections(): void {
    if (this.#volume !== undefined) this.#volumes.push(this.#volume.finish());
    if (this.#group !== undefined) this.#groups.push(this.#group.finish());
    this.#volume = undefined;
    this.#group = undefined;
  }

  /**
   * Writes what is left, syncs and closes the file. Its name is durable when the caller has synced
   * its directory. Bounds are inclusive.
   * @throws RetraceError STORAGE_FAILED, DISK_FULL; then only `abort` is left
   */
  async finish(range: {
    readonly fromLsn: number;
    readonly toLsn: number;
    readonly inputs: readonly LayerInput[];
  }): Promise<LayerSummary> {
    this.#endSections();
    const { fromLsn, toLsn, inputs } = range;
    const plain = encodeLayerDirectory({
      ...{ layer: this.#layer, serverUuid: this.#serverUuid, fromLsn, toLsn, inputs },
      ...{ volumes: this.#volumes, groups: this.#groups },
    });
    const { codec, bytes } = compress(plain, { level: this.#limits.compressionLevel });
    const { position } = this.#output.put([bytes]);
    await this.#output.flush();
    const sha256 = this.#output.digest();
    const fileBytes = this.#output.position + LAYER_FOOTER_BYTES;
    const footer = encodeLayerFooter({
      layer: this.#layer,
      fileBytes,
      directory: {
        ...{ position, bytes: bytes.length, plainBytes: plain.length, codec },
        crc: crc32c(bytes),
      },
      sha256,
    });
    await this.#output.finish(footer);
    await this.#close();
    return {
      ...{ layer: this.#layer, bytes: fileBytes, digest: sha256.toString('hex'), fromLsn, toLsn },
      groups: this.#groups.map(({ recordPages: _, ...group }) => group),
      volumes: this.#volumes.map(summaryOf),
    };
  }

  /** Gives the layer up: closes and removes the file. */
  async abort(): Promise<void> {
    try {
      await this.#close();
      await this.#storage.remove(this.#path);
    } catch (error) {
      throw storageError(error, `removing ${this.#path}`);
    }
  }

  async #close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#file.close();
  }
}

const summaryOf = (volume: VolumeEntry): LayerSummary['volumes'][number] => ({
  volumeId: volume.volumeId,
  groupId: volume.groupId,
  rows: volume.rows,
  regions: volume.regions,
  dataBytes: volume.dataBytes,
  fromSeq: volume.fromSeq,
  toSeq: volume.toSeq,
});
