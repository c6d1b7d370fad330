import { setImmediate as nextTurn } from 'node:timers/promises';
import { RetraceError } from '@retrace/core';
import type { ViewExtent, ViewPort } from '../../journal-port.js';
import { BLOCK, BlockMap, type BlockRun } from './block-map.js';
import type { ScratchSpace } from './scratch-space.js';
import { SCRATCH_BLOCK_BYTES as BLOCK_BYTES, ScratchStore } from './scratch-store.js';

type Pending = undefined | Promise<void>;

/** Blocks of a long range that are zeroed before others get a turn. */
const ZERO_STEP_BLOCKS = 1 << 20;

/** A part of a write that goes to the file. */
interface FilePiece {
  readonly run: BlockRun;
  readonly data: Buffer;
}

/**
 * A writable overlay over a view: what was written here, else what the view has. Changes are made
 * one after the other, reads at any time; a read of bytes that are just being written may see
 * either, as with any disk. Offsets and lengths must lie within the view.
 */
export class ScratchOverlay {
  readonly #view: ViewPort;
  readonly #exportName: string;
  readonly #map: BlockMap;
  readonly #store: ScratchStore;
  /** The change under way and those behind it. */
  #changes: Pending;

  constructor(view: ViewPort, space: ScratchSpace, exportName: string) {
    this.#view = view;
    this.#exportName = exportName;
    const blocks = Math.ceil(view.sizeBytes / BLOCK_BYTES);
    this.#map = new BlockMap(blocks, space.limits.scratchMapBytesMax);
    this.#store = new ScratchStore(space, exportName);
  }

  /** @throws RetraceError as the view's read, STORAGE_FAILED */
  read(offset: number, target: Buffer): Pending {
    const waiting: Promise<void>[] = [];
    const end = offset + target.length;
    for (const run of this.#runs(offset, end)) {
      const from = Math.max(offset, run.start * BLOCK_BYTES);
      const to = Math.min(end, (run.start + run.count) * BLOCK_BYTES);
      const pending = this.#readRun(run, from, target.subarray(from - offset, to - offset));
      if (pending !== undefined) waiting.push(pending);
    }
    return waiting.length === 0 ? undefined : Promise.all(waiting).then(() => undefined);
  }

  /**
   * `data` is copied or written when this is done, not kept.
   * @throws RetraceError DISK_FULL (nothing is changed), STORAGE_FAILED, as the view's read
   */
  write(offset: number, data: Buffer): Pending {
    return this.#change(() => this.#write(offset, data));
  }

  /** Makes a range of any length read as zeros. @throws RetraceError as write */
  zero(offset: number, length: number): Pending {
    return this.#change(() => this.#zero(offset, length));
  }

  /** Resolves when every change asked for before is made. */
  settled(): Pending {
    return this.#changes;
  }

  /** @throws RetraceError as the view's extents */
  async extents(offset: number, length: number, countMax: number): Promise<ViewExtent[]> {
    const out: ViewExtent[] = [];
    const end = offset + length;
    for (const run of this.#runs(offset, end)) {
      if (out.length >= countMax) break;
      const from = Math.max(offset, run.start * BLOCK_BYTES);
      const to = Math.min(end, (run.start + run.count) * BLOCK_BYTES);
      if (run.state === BLOCK.below) {
        if (!(await this.#extentsBelow(from, to, countMax, out))) break;
      } else {
        const empty = run.state === BLOCK.zero;
        out.push({ length: to - from, hole: empty, zero: empty });
      }
    }
    return out;
  }

  async close(): Promise<void> {
    await this.#changes;
    this.#view.close();
    await this.#store.close();
  }

  /** Runs a change behind those under way; one that need not wait costs no promise. */
  #change(run: () => Pending): Pending {
    const before = this.#changes;
    const done = before === undefined ? run() : before.then(run);
    if (done === undefined) return undefined;
    const settled: Promise<void> = done
      .catch(() => undefined)
      .then(() => {
        if (this.#changes === settled) this.#changes = undefined;
      });
    this.#changes = settled;
    return done;
  }

  *#runs(offset: number, end: number): Generator<BlockRun> {
    const endBlock = Math.ceil(end / BLOCK_BYTES);
    for (let block = Math.floor(offset / BLOCK_BYTES); block < endBlock; ) {
      const run = this.#map.runAt(block, endBlock);
      yield run;
      block += run.count;
    }
  }

  #readRun(run: BlockRun, from: number, target: Buffer): Pending {
    switch (run.state) {
      case BLOCK.below:
        return this.#view.read(from, target);
      case BLOCK.zero:
        target.fill(0);
        return undefined;
      case BLOCK.file:
        return this.#store.readFile(from, target);
      case BLOCK.memory:
        eachBlock(from, target.length, (block, at, length, done) => {
          this.#store.at(block).copy(target, done, at, at + length);
        });
        return undefined;
    }
  }

  /** False when the view's answer stops short. */
  async #extentsBelow(
    from: number,
    to: number,
    countMax: number,
    out: ViewExtent[],
  ): Promise<boolean> {
    let at = from;
    for (const extent of await this.#view.extents(from, to - from, countMax)) {
      if (out.length >= countMax || at >= to) break;
      const length = Math.min(extent.length, to - at);
      out.push({ ...extent, length });
      at += length;
    }
    return at >= to;
  }

  #write(offset: number, data: Buffer): Pending {
    const end = offset + data.length;
    const first = Math.floor(offset / BLOCK_BYTES);
    const count = Math.ceil(end / BLOCK_BYTES) - first;
    if (offset % BLOCK_BYTES === 0 && (end % BLOCK_BYTES === 0 || end === this.#view.sizeBytes)) {
      return this.#put(first, count, data);
    }
    const whole = Buffer.alloc(count * BLOCK_BYTES);
    const finish = (): Pending => {
      data.copy(whole, offset - first * BLOCK_BYTES);
      return this.#put(first, count, whole);
    };
    const pending = this.#readEdges(whole, first, count);
    return pending === undefined ? finish() : pending.then(finish);
  }

  /** Reads the first and the last block of a write that does not cover them. */
  #readEdges(whole: Buffer, first: number, count: number): Pending {
    const readBlock = (index: number): Pending => {
      const offset = (first + index) * BLOCK_BYTES;
      const length = Math.min(BLOCK_BYTES, this.#view.sizeBytes - offset);
      const at = index * BLOCK_BYTES;
      return this.read(offset, whole.subarray(at, at + length));
    };
    const pending = readBlock(0);
    if (count === 1) return pending;
    return pending === undefined ? readBlock(count - 1) : pending.then(() => readBlock(count - 1));
  }

  /** Writes whole blocks; the volume's last one may be short. */
  #put(first: number, count: number, data: Buffer): Pending {
    this.#checkMap(first, count);
    const runs = [...this.#runs(first * BLOCK_BYTES, (first + count) * BLOCK_BYTES)];
    const fresh = runs.filter(isNew).reduce((sum, run) => sum + run.count, 0);
    const place = fresh === 0 ? 'memory' : this.#store.take(fresh);
    const pieces: FilePiece[] = [];
    for (const run of runs) {
      const part = data.subarray(
        (run.start - first) * BLOCK_BYTES,
        (run.start + run.count - first) * BLOCK_BYTES,
      );
      if (run.state === BLOCK.memory || (isNew(run) && place === 'memory')) {
        this.#putInMemory(run, part);
      } else {
        pieces.push({ run, data: part });
      }
    }
    return pieces.length === 0 ? undefined : this.#putInFile(pieces);
  }

  #putInMemory(run: BlockRun, data: Buffer): void {
    for (let i = 0; i < run.count; i++) {
      const block = run.start + i;
      const target = isNew(run) ? this.#store.add(block) : this.#store.at(block);
      data.copy(target, 0, i * BLOCK_BYTES, (i + 1) * BLOCK_BYTES);
    }
    if (isNew(run)) this.#map.set(run.start, run.count, BLOCK.memory);
  }

  /** Blocks count as written only once they are: a failed write leaves what was there. */
  async #putInFile(pieces: readonly FilePiece[]): Promise<void> {
    let done = 0;
    try {
      for (const { run, data } of pieces) {
        await this.#store.writeFile(run.start * BLOCK_BYTES, data);
        if (isNew(run)) this.#map.set(run.start, run.count, BLOCK.file);
        done += 1;
      }
    } finally {
      for (const { run } of pieces.slice(done)) if (isNew(run)) this.#store.giveFile(run.count);
    }
  }

  #zero(offset: number, length: number): Pending {
    const { sizeBytes } = this.#view;
    const end = offset + length;
    const first = Math.ceil(offset / BLOCK_BYTES);
    const endBlock = Math.ceil(sizeBytes / BLOCK_BYTES);
    const last = end === sizeBytes ? endBlock : Math.floor(end / BLOCK_BYTES);
    if (first >= last) return this.#write(offset, Buffer.alloc(length));
    const head = first * BLOCK_BYTES - offset;
    const tail = end === sizeBytes ? 0 : end - last * BLOCK_BYTES;
    this.#checkMap(first, last - first);
    return this.#zeroWhole(first, last, head, tail);
  }

  async #zeroWhole(first: number, last: number, head: number, tail: number): Promise<void> {
    if (head > 0) await this.#write(first * BLOCK_BYTES - head, Buffer.alloc(head));
    if (tail > 0) await this.#write(last * BLOCK_BYTES, Buffer.alloc(tail));
    for (let from = first; from < last; from += ZERO_STEP_BLOCKS) {
      if (from > first) await nextTurn();
      const to = Math.min(from + ZERO_STEP_BLOCKS, last);
      for (const run of [...this.#runs(from * BLOCK_BYTES, to * BLOCK_BYTES)]) {
        if (run.state === BLOCK.memory) this.#store.dropMemory(run.start, run.count);
        else if (run.state === BLOCK.file) this.#store.dropFile(run.start, run.count);
      }
      this.#map.set(from, to - from, BLOCK.zero);
    }
  }

  #checkMap(first: number, count: number): void {
    if (this.#map.hasRoom(first, count)) return;
    throw new RetraceError('DISK_FULL', `${this.#exportName}: its changes are too scattered`);
  }
}

const isNew = ({ state }: BlockRun): boolean => state === BLOCK.below || state === BLOCK.zero;

/** Calls `visit` for the part of each block in a range: the block, where in it, how much, done. */
const eachBlock = (
  offset: number,
  length: number,
  visit: (block: number, at: number, length: number, done: number) => void,
): void => {
  for (let done = 0; done < length; ) {
    const at = (offset + done) % BLOCK_BYTES;
    const part = Math.min(BLOCK_BYTES - at, length - done);
    visit(Math.floor((offset + done) / BLOCK_BYTES), at, part, done);
    done += part;
  }
};
