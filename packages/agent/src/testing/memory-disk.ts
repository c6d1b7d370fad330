import type { Disk, DiskStamp, ZeroMode } from '../backing/disk.js';

/** Which call is to fail: return an error to let it fail. */
export type Fault = (
  call: 'read' | 'write' | 'zero' | 'sync',
  offset: number,
  length: number,
) => Error | undefined;

/** A disk in memory, with faults. Asynchronous calls take a turn of the event loop. */
export class MemoryDisk implements Disk {
  readonly path = '/memory';
  readonly isBlockDevice = false;
  readonly bytes: Buffer;
  fault: Fault = () => undefined;
  /** Page cache: false lets every read be a cold one. */
  cached = true;
  /** Whether ranges can be zeroed without writing. */
  canZero = true;
  syncs = 0;
  /** Whether blocks of zeros are holes. */
  sparse = false;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }

  get sizeBytes(): number {
    return this.bytes.length;
  }

  readCached(offset: number, length: number): Buffer | undefined {
    if (!this.cached || this.fault('read', offset, length) !== undefined) return undefined;
    return Buffer.from(this.bytes.subarray(offset, offset + length));
  }

  readSync(offset: number, target: Buffer): void {
    this.#check('read', offset, target.length);
    this.bytes.copy(target, 0, offset, offset + target.length);
  }

  async read(offset: number, target: Buffer): Promise<void> {
    await turn();
    this.readSync(offset, target);
    await turn();
  }

  /** A fault strikes half-way: the first half of the data is there. */
  writeSync(offset: number, data: Buffer): void {
    const error = this.fault('write', offset, data.length);
    data.copy(this.bytes, offset, 0, error === undefined ? data.length : data.length >> 1);
    if (error !== undefined) throw error;
  }

  async write(offset: number, data: Buffer): Promise<void> {
    await turn();
    this.writeSync(offset, data);
  }

  zeroSync(offset: number, length: number, _mode: ZeroMode): boolean {
    if (!this.canZero) return false;
    this.#check('zero', offset, length);
    this.bytes.fill(0, offset, offset + length);
    return true;
  }

  async sync(): Promise<void> {
    await turn();
    this.#check('sync', 0, 0);
    this.syncs += 1;
  }

  nextData(offset: number): number | undefined {
    if (!this.sparse) return offset;
    for (let at = offset; at < this.sizeBytes; at += 1) if (this.bytes[at] !== 0) return at;
    return undefined;
  }

  nextHole(): number {
    return this.sizeBytes;
  }

  stamp(): DiskStamp {
    const { sizeBytes } = this;
    return { sizeBytes, mtimeNs: '1', ctimeNs: '1', writes: '', samples: 0 };
  }

  close(): void {}

  #check(call: 'read' | 'zero' | 'sync', offset: number, length: number): void {
    const error = this.fault(call, offset, length);
    if (error !== undefined) throw error;
  }
}

/** A system error as Node has them. */
export const systemError = (code: string): Error =>
  Object.assign(new Error(`${code}: a fault of the test`), { code });

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
