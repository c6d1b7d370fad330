import type { GroupId, Seq, TimeUs } from '@retrace/core';
import type { StoredWatermark } from './log-record.js';

interface PendingWatermark {
  readonly watermark: StoredWatermark;
  /** How many appends had come when it was noted: its records are among them. */
  readonly appends: number;
}

/** The newest watermark of each group, and which of them the log does not hold yet. */
export class WatermarkBook {
  readonly #pending = new Map<number, PendingWatermark>();
  readonly #storedTimeUs = new Map<number, number>();

  get hasPending(): boolean {
    return this.#pending.size > 0;
  }

  /** One older than what is known is ignored. */
  note(groupId: GroupId, timeUs: TimeUs, seq: Seq, appends: number): void {
    const pending = this.#pending.get(groupId)?.watermark.timeUs;
    const known = pending ?? this.#storedTimeUs.get(groupId) ?? -1;
    if (timeUs <= known) return;
    this.#pending.set(groupId, { watermark: { groupId, timeUs, seq }, appends });
  }

  /**
   * Those for a commit that ends with the `appends`-th append. (One that speaks of a later append
   * would be stored before its records.) They stay pending until the commit is stored.
   */
  take(appends: number): readonly StoredWatermark[] {
    const watermarks: StoredWatermark[] = [];
    for (const pending of this.#pending.values()) {
      if (pending.appends <= appends) watermarks.push(pending.watermark);
    }
    return watermarks;
  }

  stored(watermarks: readonly StoredWatermark[]): void {
    for (const watermark of watermarks) {
      const { groupId, timeUs } = watermark;
      if (this.#pending.get(groupId)?.watermark === watermark) this.#pending.delete(groupId);
      this.#storedTimeUs.set(groupId, Math.max(timeUs, this.#storedTimeUs.get(groupId) ?? 0));
    }
  }

  /** A commit failed: they may speak of records that are not there. The agents repeat them. */
  dropPending(): void {
    this.#pending.clear();
  }
}
