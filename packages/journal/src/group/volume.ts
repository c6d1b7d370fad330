import type { GroupId, VolumeDefinition, VolumeId } from '@retrace/core';
import type { GroupHistory } from '../history/group-history.js';
import type { InstantPlace } from '../history/resolve.js';

/** A protected volume as the journal knows it. */
export class Volume {
  readonly id: VolumeId;
  readonly groupId: GroupId;
  readonly #history: GroupHistory;
  #definition: VolumeDefinition;

  constructor(id: VolumeId, groupId: GroupId, definition: VolumeDefinition, history: GroupHistory) {
    this.id = id;
    this.groupId = groupId;
    this.#definition = definition;
    this.#history = history;
  }

  get definition(): VolumeDefinition {
    return this.#definition;
  }

  /** A new size, or a new identity after a take-over. */
  redefine(definition: VolumeDefinition): void {
    this.#definition = definition;
  }

  get uuid(): string {
    return this.#definition.uuid;
  }

  get machine(): string {
    return this.#definition.machine;
  }

  get name(): string {
    return this.#definition.name;
  }

  /** `MACHINE/NAME`. */
  get fullName(): string {
    return `${this.machine}/${this.name}`;
  }

  get sizeBytes(): number {
    return this.#definition.sizeBytes;
  }

  get blockBytes(): number {
    return this.#definition.blockBytes;
  }

  /** Size of the volume at a seq. */
  sizeAt(seq: number): number {
    return this.#history.volume(this.id).sizeAt(seq) ?? this.sizeBytes;
  }

  /** The oldest instant that can be had; undefined before the first copy is complete. */
  get horizon(): InstantPlace | undefined {
    const range = this.#history.volume(this.id).ranges[0];
    return range === undefined ? undefined : { seq: range.fromSeq, timeUs: range.fromTimeUs };
  }

  /** The newest consistent instant; undefined before the first copy is complete. */
  get latest(): InstantPlace | undefined {
    const { lastSeq, lastTimeUs } = this.#history;
    const range = this.#history.volume(this.id).ranges.at(-1);
    if (range === undefined) return undefined;
    if (range.toSeq >= lastSeq) return { seq: lastSeq, timeUs: lastTimeUs };
    return { seq: range.toSeq, timeUs: range.toTimeUs };
  }

  /** True when the newest stored record leaves the volume consistent. */
  get consistent(): boolean {
    return this.#history.volume(this.id).consistent;
  }

  /** Gaps in its history, the time before its first copy not counted. */
  get gapCount(): number {
    return this.#history.volume(this.id).gaps.filter((gap) => gap.afterSeq > 0).length;
  }
}
