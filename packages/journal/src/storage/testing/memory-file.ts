import type { Chance } from './faults.js';

interface PendingWrite {
  readonly position: number;
  readonly bytes: Buffer;
}

const applied = (content: Buffer, { position, bytes }: PendingWrite): Buffer => {
  const end = position + bytes.length;
  const grown = content.length >= end ? content : Buffer.concat([content], end);
  bytes.copy(grown, position);
  return grown;
};

/** A file's bytes: as programs see them, and as a power cut would leave them. */
export class MemoryFile {
  live: Buffer = Buffer.alloc(0);
  #durable: Buffer = Buffer.alloc(0);
  #pending: PendingWrite[] = [];

  write(bytes: Buffer, position: number): void {
    const write = { position, bytes: Buffer.from(bytes) };
    this.live = applied(this.live, write);
    this.#pending.push(write);
  }

  sync(): void {
    for (const write of this.#pending) this.#durable = applied(this.#durable, write);
    this.#pending = [];
  }

  /** The kernel marks pages whose writing failed as clean: they read well and are never written. */
  failSync(): void {
    this.#pending = [];
  }

  /** The same bytes, all durable. */
  copy(): MemoryFile {
    const file = new MemoryFile();
    file.write(this.live, 0);
    file.sync();
    return file;
  }

  /** Of the unsynced writes each may be there, in part, or not, in any order. */
  afterCrash(chance: Chance): MemoryFile {
    const file = new MemoryFile();
    let content: Buffer = Buffer.from(this.#durable);
    for (const { position, bytes } of this.#pending) {
      if (chance.hit()) continue;
      const length = chance.hit() ? bytes.length : chance.below(bytes.length + 1);
      content = applied(content, { position, bytes: bytes.subarray(0, length) });
    }
    file.live = content;
    file.#durable = Buffer.from(content);
    return file;
  }
}
