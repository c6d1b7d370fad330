import type { GapReason } from '@retrace/core';

/** Why a volume has no consistent instant: what an agent said, or damage that the journal found. */
export type GapCause = GapReason | 'initial-sync' | 'corruption';

/** A stretch of a group's seqs, both ends inclusive, in which the volume is consistent. */
export interface ConsistentRange {
  readonly fromSeq: number;
  readonly fromTimeUs: number;
  /** Infinity while it goes on. */
  toSeq: number;
  /** Time of the record `toSeq`; Infinity while it goes on. */
  toTimeUs: number;
}

/** A stretch without a consistent instant. */
export interface Gap {
  reason: GapCause;
  /** The last consistent seq before it, 0 when there was none. */
  readonly afterSeq: number;
  /** Times after this one, up to `untilTimeUs` (exclusive), have no consistent instant. */
  readonly afterTimeUs: number;
  /** First consistent seq after it; Infinity while the gap is open. */
  untilSeq: number;
  untilTimeUs: number;
}

/** The size of a volume from a seq on. */
export interface VolumeSize {
  readonly seq: number;
  readonly sizeBytes: number;
}

/** What a volume's history comes to. */
export interface VolumeFacts {
  readonly ranges: readonly ConsistentRange[];
  readonly gaps: readonly Gap[];
  readonly sizes: readonly VolumeSize[];
}

/** Where a consistent stretch ended. */
export interface LastConsistent {
  /** The last consistent seq, and its record's time. */
  readonly seq: number;
  readonly timeUs: number;
  /** All that was done up to this time is in the record `seq` and those before it. */
  readonly completeToUs: number;
}

/**
 * Where one volume is consistent, and how large it was. Fed with the marks of its group in order.
 */
export class VolumeHistory {
  readonly ranges: ConsistentRange[];
  readonly gaps: Gap[];
  readonly #sizes: VolumeSize[];

  /** @param known - where an earlier history ended; nothing is shared with it */
  constructor(known: VolumeFacts = { ranges: [], gaps: [], sizes: [] }) {
    this.ranges = known.ranges.map((range) => ({ ...range }));
    this.gaps = known.gaps.map((gap) => ({ ...gap }));
    this.#sizes = [...known.sizes];
  }

  /** All of it, as a copy. */
  facts(): VolumeFacts {
    return {
      ranges: this.ranges.map((range) => ({ ...range })),
      gaps: this.gaps.map((gap) => ({ ...gap })),
      sizes: [...this.#sizes],
    };
  }

  /** True when the newest stored record leaves the volume consistent. */
  get consistent(): boolean {
    return this.ranges.at(-1)?.toSeq === Number.POSITIVE_INFINITY;
  }

  /**
   * After the record `after` the volume is not consistent any more. An open gap keeps its reason,
   * but for `unclean-stop`, which the journal puts itself and an agent may know better.
   */
  openGap(reason: GapCause, after: LastConsistent): void {
    const last = this.ranges.at(-1);
    if (last !== undefined && last.toSeq === Number.POSITIVE_INFINITY) {
      last.toSeq = after.seq;
      last.toTimeUs = after.timeUs;
    } else if (this.gaps.length > 0) {
      const open = this.gaps.at(-1);
      if (open?.reason === 'unclean-stop') open.reason = reason;
      return;
    }
    if (last !== undefined && last.toSeq < last.fromSeq) this.ranges.pop();
    this.gaps.push({
      reason,
      afterSeq: this.ranges.at(-1)?.toSeq ?? 0,
      afterTimeUs: after.completeToUs,
      untilSeq: Number.POSITIVE_INFINITY,
      untilTimeUs: Number.POSITIVE_INFINITY,
    });
  }

  /** From `seq` on the volume is consistent. */
  complete(seq: number, timeUs: number): void {
    if (this.consistent) return;
    const gap = this.gaps.at(-1);
    if (gap !== undefined) {
      gap.untilSeq = seq;
      gap.untilTimeUs = timeUs;
    }
    this.ranges.push({
      fromSeq: seq,
      fromTimeUs: timeUs,
      toSeq: Number.POSITIVE_INFINITY,
      toTimeUs: Number.POSITIVE_INFINITY,
    });
  }

  isConsistentAt(seq: number): boolean {
    return this.rangeAt(seq) !== undefined;
  }

  rangeAt(seq: number): ConsistentRange | undefined {
    return this.ranges.find((range) => seq >= range.fromSeq && seq <= range.toSeq);
  }

  /** The gap whose forbidden times hold `timeUs`. */
  gapAtTime(timeUs: number): Gap | undefined {
    return this.gaps.find((gap) => timeUs > gap.afterTimeUs && timeUs < gap.untilTimeUs);
  }

  /** The gap that holds a seq at which the volume is not consistent. */
  gapAtSeq(seq: number): Gap | undefined {
    return this.gaps.find((gap) => seq > gap.afterSeq && seq < gap.untilSeq);
  }

  /** Largest consistent seq at or before `seq`, undefined when there is none. */
  lastConsistent(seq: number): number | undefined {
    const range = this.ranges.findLast((candidate) => candidate.fromSeq <= seq);
    return range === undefined ? undefined : Math.min(seq, range.toSeq);
  }

  /** Smallest consistent seq after `seq`, undefined when there is none yet. */
  nextConsistent(seq: number): number | undefined {
    const range = this.ranges.find((candidate) => candidate.toSeq > seq);
    return range === undefined ? undefined : Math.max(seq + 1, range.fromSeq);
  }

  noteSize(seq: number, sizeBytes: number): void {
    if (this.#sizes.at(-1)?.sizeBytes !== sizeBytes) this.#sizes.push({ seq, sizeBytes });
  }

  /** Size at `seq`, undefined before the volume was defined. */
  sizeAt(seq: number): number | undefined {
    return this.#sizes.findLast((size) => size.seq <= seq)?.sizeBytes;
  }
}
