import type { Damage, LostSeqs } from '../storage/damage.js';
import type { Chunk } from './chunk-decoder.js';
import type { LogRecord } from './log-record.js';
import { segmentDirectory } from './segment-paths.js';

interface Hole {
  readonly place: string;
  readonly fromLsn: number;
  readonly toLsn: number;
  readonly lostSeqs: LostSeqs[];
}

/**
 * Checks that lsn and commit numbers are dense, and each group's seq: LevelDB does not say when it
 * has dropped something. What is missing becomes a hole with the groups it hit.
 */
export class LsnTracker {
  readonly #holes: Hole[] = [];
  readonly #problems: Damage[] = [];
  /** Last seq of each group, by its id. */
  readonly #lastSeqs: number[] = [];
  /** The lsn that comes next; 0 before the first segment is known. */
  nextLsn = 0;
  lastCommit = 0;
  lastArrivalUs = 0;

  /** The log begins where something else has ended. */
  goOnAfter(end: {
    readonly lastLsn: number;
    readonly lastCommit: number;
    readonly lastArrivalUs: number;
  }): void {
    this.nextLsn = end.lastLsn + 1;
    this.lastCommit = end.lastCommit;
    this.lastArrivalUs = end.lastArrivalUs;
  }

  /** The log, or a segment of it, begins: what should have come before it is a hole. */
  begin(segment: number, firstLsn: number, firstCommit: number): void {
    if (this.nextLsn === 0) {
      this.nextLsn = firstLsn;
      this.lastCommit = firstCommit - 1;
    }
    this.skipTo(segment, firstLsn);
  }

  /** Records before `lsn` are missing. */
  skipTo(segment: number, lsn: number): void {
    if (lsn <= this.nextLsn) return;
    this.#addHole(segment, this.nextLsn, lsn - 1);
    this.nextLsn = lsn;
  }

  /** Takes the next chunk. @returns false, and a problem, when its records were there before */
  take({ header, records, whole }: Chunk): boolean {
    const { segment, firstLsn, recordCount, commit } = header;
    if (firstLsn < this.nextLsn) {
      this.#problem(segment, `commit ${commit} gives lsn ${firstLsn} once more`);
      return false;
    }
    const dense = firstLsn === this.nextLsn;
    this.skipTo(segment, firstLsn);
    if (dense && commit !== this.lastCommit && commit !== this.lastCommit + 1) {
      this.#problem(segment, `commit ${commit} follows commit ${this.lastCommit}`);
    }
    if (!whole) this.#skipDamaged(segment, records, firstLsn + recordCount);
    this.#takeSeqs(segment, records);
    this.nextLsn = firstLsn + recordCount;
    this.lastCommit = commit;
    this.lastArrivalUs = Math.max(this.lastArrivalUs, header.arrivalUs);
    return true;
  }

  #skipDamaged(segment: number, records: readonly LogRecord[], end: number): void {
    for (const { lsn } of records) {
      this.skipTo(segment, lsn);
      this.nextLsn = lsn + 1;
    }
    this.skipTo(segment, end);
  }

  #takeSeqs(segment: number, records: readonly LogRecord[]): void {
    const lastSeqs = this.#lastSeqs;
    for (let i = 0; i < records.length; i++) {
      const { groupId, seq } = records[i]!;
      const last = lastSeqs[groupId];
      if (last !== undefined && seq !== last + 1) this.#seqJump(segment, records[i]!, last);
      lastSeqs[groupId] = seq;
    }
  }

  #seqJump(segment: number, { groupId, seq, lsn }: LogRecord, last: number): void {
    const hole = this.#holes[this.#holes.length - 1];
    if (hole === undefined || seq <= last) {
      this.#problem(segment, `lsn ${lsn} is seq ${seq} of group ${groupId}, after seq ${last}`);
    } else {
      hole.lostSeqs.push({ groupId, fromSeq: last + 1, toSeq: seq - 1 });
    }
  }

  #problem(segment: number, message: string): void {
    this.#problems.push({ code: 'CORRUPTION', place: segmentDirectory(segment), message });
  }

  #addHole(segment: number, fromLsn: number, toLsn: number): void {
    const last = this.#holes[this.#holes.length - 1];
    const place = segmentDirectory(segment);
    if (last !== undefined && last.toLsn === fromLsn - 1 && last.place === place) {
      this.#holes[this.#holes.length - 1] = { ...last, toLsn };
    } else {
      this.#holes.push({ place, fromLsn, toLsn, lostSeqs: [] });
    }
  }

  /** True when any of [fromLsn, toLsn] is known to be lost. */
  get hasHoles(): boolean {
    return this.#holes.length > 0;
  }

  problems(): Damage[] {
    const holes = this.#holes.map(
      ({ place, fromLsn, toLsn, lostSeqs }): Damage => ({
        code: 'CORRUPTION',
        place,
        message: `the records of lsn ${fromLsn} to ${toLsn} are lost`,
        lostFromLsn: fromLsn,
        lostToLsn: toLsn,
        lostSeqs,
      }),
    );
    return [...this.#problems, ...holes];
  }
}
