import { setMaxListeners } from 'node:events';
import { type AgentRecord, type Clock, LIMITS, type TimeUs } from '@retrace/core';
import type { Disk } from '../backing/disk.js';
import { type AgentLimits, resolveLimits } from '../limits.js';
import { RecordQueue } from '../queue/record-queue.js';
import { Room } from '../queue/room.js';
import { RecordStream } from '../stream/record-stream.js';
import { type Scheduler, systemScheduler } from '../system/scheduler.js';
import { Volume, type VolumeListener } from '../volume/volume.js';
import { VolumePaths } from '../volume/volume-export.js';

/** A clock that ticks one microsecond a reading. */
export const tickingClock = (startUs = 1_000_000): Clock => {
  let nowUs = startUs;
  return {
    nowUs: () => {
      nowUs += 1;
      return nowUs as TimeUs;
    },
  };
};

export interface VolumeBenchOptions {
  readonly disk: Disk;
  readonly limits?: Partial<AgentLimits>;
  readonly scheduler?: Scheduler;
  readonly durability?: 'async' | 'flush' | 'sync';
  readonly listener?: Partial<VolumeListener>;
}

/** One protected volume with its paths, recording into a queue that nobody sends. */
export class VolumeBench {
  readonly limits: AgentLimits;
  readonly queue = new RecordQueue();
  readonly stream: RecordStream;
  readonly room: Room;
  readonly volume: Volume;
  readonly paths: VolumePaths;
  /** Aborted for a connection that has died. */
  readonly gone = new AbortController();
  givenUp = 0;

  constructor(options: VolumeBenchOptions) {
    setMaxListeners(0, this.gone.signal);
    const scheduler = options.scheduler ?? systemScheduler;
    this.limits = resolveLimits(options.limits);
    this.stream = new RecordStream(this.queue, tickingClock(), 0 as TimeUs);
    this.room = new Room(this.queue, this.limits, scheduler, () => {
      this.givenUp += 1;
      this.stream.stop();
      this.room.close();
    });
    const ignore = (): void => {};
    this.volume = new Volume({
      definition: {
        define: 'volume',
        uuid: '22222222-2222-4222-8222-222222222222',
        machine: 'm',
        name: 'v',
        sizeBytes: options.disk.sizeBytes,
        blockBytes: LIMITS.blockBytesDefault,
      },
      index: 0,
      disk: options.disk,
      durability: options.durability ?? 'async',
      state: 'protected',
      reason: '',
      gap: undefined,
      stream: this.stream,
      scheduler,
      limits: this.limits,
      listener: { changed: ignore, copyDue: ignore, urgent: ignore, ...options.listener },
    });
    const context = {
      volume: this.volume,
      stream: this.stream,
      room: this.room,
      limits: this.limits,
      scheduler,
    };
    this.paths = new VolumePaths(context);
    this.stream.begin(1);
    this.room.open();
  }

  write(offset: number, data: Buffer, fua = false): Promise<void> {
    return this.#run(() => this.paths.writes.write(offset, data, fua, this.gone.signal));
  }

  trim(offset: number, length: number): Promise<void> {
    return this.#run(() => this.paths.zeroes.trim(offset, length, false, this.gone.signal));
  }

  writeZeroes(offset: number, length: number, noHole = false): Promise<void> {
    const options = { fua: false, noHole, fastOnly: false };
    return this.#run(() =>
      this.paths.zeroes.writeZeroes(offset, length, options, this.gone.signal),
    );
  }

  /** Everything queued, without taking it out for good. */
  records(): AgentRecord[] {
    this.queue.rewind();
    return this.queue.takeUnsent(Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
  }

  async #run(call: () => Promise<void> | undefined): Promise<void> {
    await call();
  }
}
