import { crc32c, RetraceError, systemErrorCode, toRetraceError } from '@retrace/core';
import { decompress } from '../codec/codec.js';
import type { Storage, StoredFile } from '../storage/storage.js';
import { storageError } from '../storage/storage-error.js';
import { corrupt } from './corrupt.js';
import type { LayerCaches } from './layer-caches.js';
import { decodeLayerDirectory, type LayerDirectory, type LayerInput } from './layer-directory.js';
import {
  decodeLayerFooter,
  LAYER_FOOTER_BYTES,
  LAYER_HEADER_BYTES,
  type LayerFooter,
} from './layer-frame.js';
import { LayerGroup } from './layer-group.js';
import { LayerSource } from './layer-source.js';
import { LayerVolume } from './layer-volume.js';
import { LAYER_BOUNDS, LAYER_LIMITS, type LayerLimits } from './limits.js';

export interface LayerFileOptions {
  readonly storage: Storage;
  readonly path: string;
  /** The layer it must be. */
  readonly layer: number;
  /** Bytes it must have, where known. */
  readonly bytes?: number;
  /** The SHA-256 its footer must say, in hex, where known. */
  readonly digest?: string;
  /** Shared by all layers. */
  readonly caches: LayerCaches;
  readonly limits?: Partial<LayerLimits>;
}

/** An open layer file: what is in it is read when it is asked for. */
export class LayerFile {
  readonly layer: number;
  /** SHA-256 over everything before the footer, in hex, as the footer says. */
  readonly digest: string;
  readonly serverUuid: string;
  /** Bounds are inclusive. */
  readonly fromLsn: number;
  readonly toLsn: number;
  readonly inputs: readonly LayerInput[];
  readonly source: LayerSource;
  readonly #volumes: ReadonlyMap<number, LayerVolume>;
  readonly #groups: ReadonlyMap<number, LayerGroup>;

  private constructor(
    source: LayerSource,
    footer: LayerFooter,
    directory: LayerDirectory,
    limits: LayerLimits,
  ) {
    this.source = source;
    this.layer = directory.layer;
    this.digest = footer.sha256.toString('hex');
    this.serverUuid = directory.serverUuid;
    this.fromLsn = directory.fromLsn;
    this.toLsn = directory.toLsn;
    this.inputs = directory.inputs;
    this.#volumes = new Map(
      directory.volumes.map((entry) => [entry.volumeId, new LayerVolume(entry, source, limits)]),
    );
    this.#groups = new Map(
      directory.groups.map((entry) => [entry.groupId, new LayerGroup(entry, source)]),
    );
  }

  /**
   * Opens a layer and reads its footer and directory; the rest is checked as it is read.
   * @throws RetraceError CORRUPTION, with the place, when it is missing, damaged or another one;
   *   STORAGE_FAILED
   */
  static async open(options: LayerFileOptions): Promise<LayerFile> {
    const { storage, path, caches } = options;
    const limits = { ...LAYER_LIMITS, ...options.limits };
    let file: StoredFile | undefined;
    try {
      const fileBytes = await storage.size(path);
      if (fileBytes === undefined) throw corrupt(path, 'the file is missing');
      file = await storage.open(path, 'read');
      const source = new LayerSource(file, path, fileBytes, caches);
      const footer = await readFooter(source, options);
      return new LayerFile(source, footer, await readDirectory(source, footer), limits);
    } catch (error) {
      await file?.close();
      if (systemErrorCode(error) === 'ENOENT') throw corrupt(path, 'the file is missing');
      throw storageError(error, `opening ${path}`);
    }
  }

  volume(volumeId: number): LayerVolume | undefined {
    return this.#volumes.get(volumeId);
  }

  /** Ascending by id. */
  volumes(): readonly LayerVolume[] {
    return [...this.#volumes.values()];
  }

  group(groupId: number): LayerGroup | undefined {
    return this.#groups.get(groupId);
  }

  /** Ascending by id. */
  groups(): readonly LayerGroup[] {
    return [...this.#groups.values()];
  }

  /** Waits for the reads under way, closes the file and empties the caches of it. */
  close(): Promise<void> {
    return this.source.close();
  }
}

/** The footer of a layer file, checked. @throws RetraceError CORRUPTION, STORAGE_FAILED */
export const readFooter = async (
  source: LayerSource,
  wanted: Pick<LayerFileOptions, 'layer' | 'bytes' | 'digest'>,
): Promise<LayerFooter> => {
  const { fileBytes } = source;
  if (wanted.bytes !== undefined && wanted.bytes !== fileBytes) {
    throw corrupt(source.path, `has ${fileBytes} bytes, not ${wanted.bytes}`);
  }
  const position = fileBytes - LAYER_FOOTER_BYTES;
  if (position < LAYER_HEADER_BYTES) throw corrupt(source.path, `has only ${fileBytes} bytes`);
  const footer = decodeLayerFooter(await source.read(position, LAYER_FOOTER_BYTES));
  const place = source.place(position);
  if (typeof footer === 'string') throw corrupt(place, footer);
  if (footer.layer !== wanted.layer) {
    throw corrupt(place, `is layer ${footer.layer}, not layer ${wanted.layer}`);
  }
  if (footer.fileBytes !== fileBytes) {
    throw corrupt(place, `says the file has ${footer.fileBytes} bytes, not ${fileBytes}`);
  }
  const digest = footer.sha256.toString('hex');
  if (wanted.digest !== undefined && wanted.digest !== digest) {
    throw corrupt(place, `says the digest is ${digest}, not ${wanted.digest}`);
  }
  return footer;
};

/** The directory that a footer names, checked. @throws RetraceError CORRUPTION, STORAGE_FAILED */
export const readDirectory = async (
  source: LayerSource,
  { layer, directory }: LayerFooter,
): Promise<LayerDirectory> => {
  const place = source.place(directory.position);
  const stored = await source.read(directory.position, directory.bytes);
  if (crc32c(stored) !== directory.crc) {
    throw corrupt(place, 'the checksum of the directory does not match');
  }
  const plain = decompress(directory.codec, stored, directory.plainBytes, {
    plainBytesMax: LAYER_BOUNDS.directoryPlainBytes,
    place,
  });
  const decoded = parseDirectory(plain, place);
  if (decoded.layer !== layer) throw corrupt(place, `the directory is of layer ${decoded.layer}`);
  return decoded;
};

const parseDirectory = (plain: Buffer, place: string): LayerDirectory => {
  try {
    return decodeLayerDirectory(plain);
  } catch (error) {
    throw new RetraceError('CORRUPTION', `${place}: ${toRetraceError(error).message}`, {
      details: { place },
      cause: error,
    });
  }
};
