import { systemClock } from '@retrace/core';
import { NbdClient } from '@retrace/nbd';
import { digest } from '../export-bytes.js';
import type { SeededRandom } from '../seeded-random.js';

/** Bytes written to one place, in flight or done. */
export interface Piece {
  readonly offset: number;
  readonly bytes: Buffer;
}

/** A flush that was answered, and what the disk held then. */
export interface FlushPoint {
  readonly doneUs: number;
  readonly tookMs: number;
  readonly hash: string;
}

/** Where in a slot a write may lie: slots never overlap, so neither do writes in flight. */
const SLOT_BYTES = 16_384;
const PIECES_MAX = 8;

/** Writes a batch of random pieces at a time, flushes, and remembers what must be there. */
export class FlushedWriter {
  readonly points: FlushPoint[] = [];
  #pieces: Piece[] = [];
  /** What the disk holds for certain: all of it flushed. */
  readonly #image: Buffer;
  readonly #client: NbdClient;
  readonly #random: SeededRandom;
  #isKeeping = false;
  #isStopping = false;
  readonly #ended: Promise<void>;

  private constructor(client: NbdClient, image: Buffer, random: SeededRandom) {
    this.#client = client;
    this.#image = Buffer.from(image);
    this.#random = random;
    this.#ended = this.#run();
    // Whoever asks how it ended may do so later.
    this.#ended.catch(() => {});
  }

  /** Connects and begins. @param image - what the disk holds now */
  static async start(uri: string, image: Buffer, random: SeededRandom): Promise<FlushedWriter> {
    return new FlushedWriter(await NbdClient.connect(uri), image, random);
  }

  /** A copy of what the newest answered flush covers. */
  image(): Buffer {
    return Buffer.from(this.#image);
  }

  /** All that was begun since the last answered flush, or since {@link markPieces}. */
  pieces(): readonly Piece[] {
    return this.#pieces;
  }

  /** From now on pieces are kept, flushed or not; returns the image they come on top of. */
  markPieces(): Buffer {
    this.#isKeeping = true;
    return this.image();
  }

  /** Pieces that are flushed are forgotten again. */
  unmarkPieces(): void {
    this.#isKeeping = false;
  }

  /** Ends after the batch under way. @throws what its requests threw */
  async stop(): Promise<void> {
    this.#isStopping = true;
    await this.#ended;
    await this.#client.close();
  }

  /** Resolves when its connection is gone; throws when it ended otherwise. */
  async died(): Promise<void> {
    const error = await this.#ended.then(
      () => undefined,
      (reason: unknown) => reason,
    );
    if (error === undefined) throw new Error('the writer was not disturbed');
  }

  async #run(): Promise<void> {
    while (!this.#isStopping) {
      const batch = this.#batch();
      this.#pieces = this.#isKeeping ? [...this.#pieces, ...batch] : batch;
      await Promise.all(batch.map(({ offset, bytes }) => this.#client.write(offset, bytes)));
      const beganMs = performance.now();
      await this.#client.flush();
      const doneUs = systemClock.nowUs();
      const tookMs = performance.now() - beganMs;
      for (const { offset, bytes } of batch) bytes.copy(this.#image, offset);
      if (!this.#isKeeping) this.#pieces = [];
      this.points.push({ doneUs, tookMs, hash: digest(this.#image) });
    }
  }

  #batch(): Piece[] {
    const slots = Math.floor(this.#image.length / SLOT_BYTES);
    const count = this.#random.integer(1, PIECES_MAX);
    const chosen = new Set(Array.from({ length: count }, () => this.#random.integer(0, slots - 1)));
    return [...chosen].map((slot) => {
      const from = this.#random.integer(0, SLOT_BYTES - 1);
      const length = this.#random.integer(1, SLOT_BYTES - from);
      return { offset: slot * SLOT_BYTES + from, bytes: this.#random.bytes(length) };
    });
  }
}

/**
 * Why a disk cannot be what a crash left of an image while pieces were in flight; undefined when it
 * can: each byte is that of the image, or of a piece that covers it.
 */
export function whyNotLeft(
  found: Buffer,
  image: Buffer,
  pieces: readonly Piece[],
): string | undefined {
  if (found.length !== image.length) return `${found.length} bytes, not ${image.length}`;
  for (let at = 0; at < found.length; at++) {
    if (found[at] === image[at]) continue;
    const isPiece = pieces.some(({ offset, bytes }) => bytes[at - offset] === found[at]);
    if (!isPiece) return `byte ${at} is ${found[at]}: neither flushed nor in flight`;
  }
  return undefined;
}
