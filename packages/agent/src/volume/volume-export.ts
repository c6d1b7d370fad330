import { setMaxListeners } from 'node:events';
import { LIMITS } from '@retrace/core';
import type {
  NbdConnection,
  NbdExport,
  NbdExportInfo,
  NbdExtent,
  NbdPending,
  NbdWriteZeroesOptions,
} from '@retrace/nbd';
import type { Room } from '../queue/room.js';
import type { RecordStream } from '../stream/record-stream.js';
import { disconnected } from './io-error.js';
import { ReadPath } from './read-path.js';
import type { Volume } from './volume.js';
import { type PathContext, WritePath } from './write-path.js';
import type { WriterLease } from './writer-lease.js';
import { ZeroPath } from './zero-path.js';

/** The paths all connections of a volume share. */
export class VolumePaths {
  readonly volume: Volume;
  readonly stream: RecordStream;
  readonly room: Room;
  readonly reads: ReadPath;
  readonly writes: WritePath;
  readonly zeroes: ZeroPath;

  constructor(context: PathContext) {
    this.volume = context.volume;
    this.stream = context.stream;
    this.room = context.room;
    this.reads = new ReadPath(context.volume);
    this.writes = new WritePath(context);
    this.zeroes = new ZeroPath(context, this.writes);
  }
}

/** One connection's handle on a volume. */
export class VolumeExport implements NbdExport {
  readonly info: NbdExportInfo;
  readonly #paths: VolumePaths;
  readonly #lease: WriterLease | undefined;
  readonly #gone: AbortSignal;

  /**
   * @param lease - held by a connection that may write; ended by {@link close}
   * @param readOnly - what the client is told; always true without a lease, but for INFO
   */
  constructor(
    paths: VolumePaths,
    connection: NbdConnection,
    lease: WriterLease | undefined,
    readOnly: boolean,
  ) {
    this.#paths = paths;
    this.#lease = lease;
    const ended = new AbortController();
    this.#gone = ended.signal;
    // One for each request that waits: as many as a connection may have in flight.
    setMaxListeners(0, this.#gone);
    const end = (): void => ended.abort(disconnected());
    if (connection.closed.aborted) end();
    else connection.closed.addEventListener('abort', end, { once: true });
    const { definition, sizeBytes } = paths.volume;
    this.info = {
      name: definition.name,
      description: `${paths.volume.fullName}, protected by Retrace`,
      sizeBytes,
      readOnly,
      canMultiConn: false,
      minBlockBytes: 1,
      preferredBlockBytes: LIMITS.blockBytesDefault,
      maxPayloadBytes: LIMITS.recordPayloadBytesMax,
      supports: { flush: true, fua: true, trim: true, writeZeroes: true, cache: false },
    };
  }

  read(offset: number, target: Buffer): NbdPending {
    return this.#paths.reads.read(offset, target);
  }

  allocate(length: number): Buffer {
    return this.#paths.stream.queue.payloads.take(length);
  }

  write(offset: number, data: Buffer, fua: boolean): NbdPending {
    return this.#paths.writes.write(offset, data, fua, this.#gone);
  }

  flush(): NbdPending {
    return this.#flush();
  }

  trim(offset: number, length: number, fua: boolean): NbdPending {
    return this.#paths.zeroes.trim(offset, length, fua, this.#gone);
  }

  writeZeroes(offset: number, length: number, options: NbdWriteZeroesOptions): NbdPending {
    return this.#paths.zeroes.writeZeroes(offset, length, options, this.#gone);
  }

  extents(offset: number, length: number, countMax: number): readonly NbdExtent[] {
    return this.#paths.reads.extents(offset, length, countMax);
  }

  close(): void {
    this.#lease?.end();
  }

  /**
   * The record stands where the flush arrived, after every write answered by then; the local sync
   * and the way to the journal run side by side.
   */
  async #flush(): Promise<void> {
    const { volume, stream, room } = this.#paths;
    volume.guestRequests += 1;
    if (this.#lease === undefined) return volume.durability.sync();
    if (!room.hasRoom(0)) room.give(await room.take(0, this.#gone));
    return volume.durability.afterFlush(stream.flush(volume.index));
  }
}
