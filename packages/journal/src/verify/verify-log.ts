import { RetraceError } from '@retrace/core';
import type { FoundChunk } from '../log/chunk-source.js';
import type { Log } from '../log/log.js';
import type { LogRecord } from '../log/log-record.js';
import { LsnTracker } from '../log/lsn-tracker.js';
import { firstDamagedByte } from '../log/payload-check.js';
import { decodePayloadHeader, PAYLOAD_HEADER_BYTES } from '../log/payload-header.js';
import { entriesDirectory, payloadPath } from '../log/segment-paths.js';
import type { SegmentRange } from '../log/segment-table.js';
import { systemTimers, type Timers } from '../log/timers.js';
import { type Damage, damage } from '../storage/damage.js';
import { Pace } from './pace.js';
import { StreamCheck } from './stream-check.js';

export interface VerifyLogOptions {
  readonly serverUuid: string;
  /** Told after each segment and every few MiB. */
  readonly onProgress?: (doneBytes: number, totalBytes: number, what: string) => void;
  /** Reads no faster than this; undefined: as fast as it goes. */
  readonly bytesPerSecond?: number;
  readonly timers?: Timers;
}

/** What was looked at. */
export interface CheckedLog {
  segments: number;
  chunks: number;
  records: number;
  payloadBytes: number;
}

export interface LogVerification {
  readonly problems: readonly Damage[];
  readonly checked: Readonly<CheckedLog>;
}

/** Reads every stored byte of a log and checks it against everything else that speaks of it. */
class LogVerifier {
  readonly #log: Log;
  readonly #options: VerifyLogOptions;
  readonly #pace: Pace;
  readonly #problems: Damage[] = [];
  readonly #tracker = new LsnTracker();
  readonly #streams = new StreamCheck();
  readonly #checked: CheckedLog = { segments: 0, chunks: 0, records: 0, payloadBytes: 0 };
  #doneBytes = 0;
  #totalBytes = 0;

  constructor(log: Log, options: VerifyLogOptions) {
    this.#log = log;
    this.#options = options;
    const { timers = systemTimers, bytesPerSecond = Number.POSITIVE_INFINITY } = options;
    this.#pace = new Pace(timers, bytesPerSecond);
  }

  async run(): Promise<LogVerification> {
    const ranges = this.#log.segments();
    for (const { payloadBytes } of ranges) this.#totalBytes += payloadBytes;
    for (const range of ranges) {
      await this.#verifySegment(range);
      this.#checked.segments++;
    }
    const problems = [...this.#problems, ...this.#tracker.problems()];
    return { problems, checked: this.#checked };
  }

  #report(place: string, message: string): void {
    this.#problems.push(damage(place, message));
  }

  async #verifySegment(range: SegmentRange): Promise<void> {
    const { segment, firstLsn, lastLsn, payloadBytes } = range;
    if (payloadBytes > 0) await this.#verifyFileHeader(range);
    let begun = false;
    const report = (problem: Damage): void => {
      this.#problems.push(problem);
    };
    for await (const found of this.#log.readChunks(range, report)) {
      const { header } = found.chunk;
      if (!begun) this.#tracker.begin(segment, firstLsn, header.commit);
      begun = true;
      if (header.firstLsn !== this.#tracker.nextLsn) this.#streams.forget();
      this.#tracker.take(found.chunk);
      await this.#verifyChunk(found);
      const bytes = header.entryBytes + header.payloadBytes;
      this.#doneBytes += bytes;
      this.#options.onProgress?.(this.#doneBytes, this.#totalBytes, `segment ${segment}`);
      await this.#pace.spend(bytes);
    }
    if (!begun) this.#tracker.begin(segment, firstLsn, 1);
    this.#tracker.skipTo(segment, lastLsn + 1);
  }

  async #verifyFileHeader({ segment, firstLsn }: SegmentRange): Promise<void> {
    const place = `${payloadPath(segment)} byte 0`;
    const bytes = Buffer.alloc(PAYLOAD_HEADER_BYTES);
    const failure = await this.#read(segment, 0, bytes);
    if (failure !== undefined) {
      this.#report(place, failure);
      return;
    }
    const header = decodePayloadHeader(bytes);
    if (typeof header === 'string') {
      this.#report(place, header);
      return;
    }
    const { serverUuid } = this.#options;
    if (header.serverUuid !== serverUuid) {
      this.#report(place, `the file is of server ${header.serverUuid}`);
    }
    if (header.segment !== segment || header.firstLsn !== firstLsn) {
      this.#report(place, `the file is of segment ${header.segment}, lsn ${header.firstLsn}`);
    }
  }

  /** @returns why not, as a text */
  async #read(segment: number, position: number, target: Buffer): Promise<string | undefined> {
    try {
      await this.#log.readPayload(segment, position, target);
      return undefined;
    } catch (error) {
      if (error instanceof RetraceError) return error.message;
      throw error;
    }
  }

  async #verifyChunk({ chunk, entry, fromPayload }: FoundChunk): Promise<void> {
    const { segment, blockPosition, firstLsn } = chunk.header;
    this.#checked.chunks++;
    if (!fromPayload) {
      const copy = Buffer.allocUnsafe(entry.length);
      const failure = await this.#read(segment, blockPosition, copy);
      if (failure !== undefined || !copy.equals(entry)) {
        const what = failure ?? `differs from ${entriesDirectory(segment)} entry lsn ${firstLsn}`;
        this.#report(`${payloadPath(segment)} byte ${blockPosition}`, what);
      }
    }
    for (const record of chunk.records) await this.#verifyRecord(record);
  }

  async #verifyRecord(record: LogRecord): Promise<void> {
    const { segment, lsn, position, payloadBytes } = record;
    this.#checked.records++;
    const wrong = this.#streams.take(record);
    if (wrong !== undefined) this.#report(`${entriesDirectory(segment)} lsn ${lsn}`, wrong);
    if (payloadBytes === 0) return;
    const payload = Buffer.allocUnsafe(payloadBytes);
    const failure = await this.#read(segment, position, payload);
    const bad = failure === undefined ? firstDamagedByte(record, payload) : 0;
    if (bad < 0) {
      this.#checked.payloadBytes += payloadBytes;
      return;
    }
    const { groupId, volumeId, seq, offset } = record;
    const whose = `lsn ${lsn}, group ${groupId}, volume ${volumeId}, seq ${seq}`;
    const what = failure ?? `the bytes for volume offset ${offset + bad} are damaged`;
    this.#report(`${payloadPath(segment)} byte ${position + bad}`, `${what} (${whose})`);
  }
}

/**
 * Checks a whole log, while it is in use or not: entries against their copies, every checksum,
 * dense lsn, commit, seq and (epoch, n), file headers and sizes.
 * @throws RetraceError STORAGE_FAILED when reading is impossible for a passing reason
 */
export const verifyLog = (log: Log, options: VerifyLogOptions): Promise<LogVerification> =>
  new LogVerifier(log, options).run();
