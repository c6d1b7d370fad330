import type { Damage } from '../storage/damage.js';
import type { Storage } from '../storage/storage.js';
import { ChunkSource, type FoundChunk } from './chunk-source.js';
import { PayloadReader } from './payload-reader.js';
import type { SegmentRange } from './segment-table.js';

/**
 * Reads closed segments by their payload files alone, for another thread than the one that has the
 * log open: LevelDB allows no second handle.
 */
export class SegmentReader {
  readonly #payloads: PayloadReader;
  readonly #report: (problem: Damage) => void;

  constructor(storage: Storage, openFilesMax: number, report: (problem: Damage) => void) {
    this.#payloads = new PayloadReader(storage, openFilesMax);
    this.#report = report;
  }

  chunks(range: SegmentRange): AsyncGenerator<FoundChunk> {
    const { segment, payloadBytes } = range;
    const report = this.#report;
    const payloads = this.#payloads;
    const options = { databases: undefined, payloads, report };
    return new ChunkSource({ segment, payloadBytes }, options).read();
  }

  readPayload(segment: number, position: number, target: Buffer): undefined | Promise<void> {
    return this.#payloads.read(segment, position, target);
  }

  close(): void {
    this.#payloads.close();
  }
}
