import type { GroupDefinition, GroupId } from '@retrace/core';
import type { GroupHistory } from '../history/group-history.js';
import type { Bookmark } from '../history/history-facts.js';
import type { InstantPlace } from '../history/resolve.js';
import type { GroupStream } from './group-stream.js';
import type { Volume } from './volume.js';

/** A consistency group: volumes that share one write order, their history, and its write side. */
export class Group {
  readonly id: GroupId;
  readonly history: GroupHistory;
  readonly stream: GroupStream;
  readonly #volumes: Volume[] = [];
  #definition: GroupDefinition;

  constructor(
    id: GroupId,
    definition: GroupDefinition,
    history: GroupHistory,
    stream: GroupStream,
  ) {
    this.id = id;
    this.#definition = definition;
    this.history = history;
    this.stream = stream;
  }

  get definition(): GroupDefinition {
    return this.#definition;
  }

  redefine(definition: GroupDefinition): void {
    this.#definition = definition;
  }

  get uuid(): string {
    return this.#definition.uuid;
  }

  get name(): string {
    return this.#definition.name;
  }

  get volumes(): readonly Volume[] {
    return this.#volumes;
  }

  addVolume(volume: Volume): void {
    this.#volumes.push(volume);
  }

  /** The newest stored record. */
  get latest(): InstantPlace | undefined {
    const { lastSeq, lastTimeUs } = this.history;
    return lastSeq === 0 ? undefined : { seq: lastSeq, timeUs: lastTimeUs };
  }

  /** The newest watermark whose record is stored. */
  get watermark(): InstantPlace | undefined {
    const mark = this.history.watermark;
    return mark === undefined ? undefined : { seq: mark.seq, timeUs: mark.timeUs };
  }

  /** The newest stored record is a clean-stop mark. */
  get cleanlyStopped(): boolean {
    return this.history.epochs.last?.cleanStop ?? false;
  }

  /** Records of its newest epoch were stored and are lost: its volumes need a new copy. */
  get hasLostRecords(): boolean {
    const run = this.history.epochs.last;
    if (run === undefined) return false;
    return run.firstN > 1 || this.history.holes.some((hole) => hole.toSeq >= run.firstSeq);
  }

  /** A bookmark by its name, undefined when there is none. */
  bookmark(name: string): Bookmark | undefined {
    return this.history.bookmarks.get(name);
  }
}
