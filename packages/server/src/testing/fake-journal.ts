import {
  type AgentRecord,
  decodeMark,
  formatTarget,
  type GroupDefinition,
  type GroupId,
  type InstantRequest,
  RECORD_KIND,
  RetraceError,
  STREAM_START,
  type StreamPosition,
  type TargetRef,
  type VolumeDefinition,
  type VolumeId,
  type VolumeRef,
} from '@retrace/core';
import type { TokenCatalog } from '../auth/token-store.js';
import type {
  BookmarkPoint,
  GroupPort,
  InstantPoint,
  JournalPort,
  JournalProblem,
  Resolution,
  StreamAppend,
  StreamHolder,
  StreamPort,
  Timeline,
  ViewPort,
  VolumePort,
} from '../journal-port.js';

interface StoredRecord {
  readonly epoch: number;
  readonly record: AgentRecord;
  readonly volumeId: VolumeId | undefined;
}

/** The write side of a group in memory. */
export class FakeStream implements StreamPort {
  readonly records: StoredRecord[] = [];
  holder: StreamHolder | undefined;
  newestWatermark: (StreamPosition & { readonly timeUs: number }) | undefined;
  readonly #journal: FakeJournal;

  constructor(journal: FakeJournal) {
    this.#journal = journal;
  }

  get stored(): StreamPosition {
    const last = this.records.at(-1);
    return last === undefined ? STREAM_START : { epoch: last.epoch, n: last.record.n };
  }

  get lastTimeUs(): number {
    return this.records.at(-1)?.record.timeUs ?? 0;
  }

  async fence(holder: StreamHolder): Promise<void> {
    const epoch = Math.max(this.holder?.epoch ?? 0, this.stored.epoch);
    const details = { epoch };
    if (holder.epoch < epoch) throw new RetraceError('EPOCH_FENCED', 'fenced', { details });
    if (this.holder?.epoch === holder.epoch && this.holder.instanceId !== holder.instanceId) {
      throw new RetraceError('EPOCH_TAKEN', 'taken', { details });
    }
    this.holder = holder;
    await this.#journal.commit();
  }

  async append({ epoch, records, volumeIds }: StreamAppend): Promise<void> {
    if (epoch !== this.holder?.epoch) throw new RetraceError('EPOCH_FENCED', 'fenced');
    await this.#journal.commit();
    for (const record of records) {
      const next = this.stored.epoch === epoch ? this.stored.n + 1 : 1;
      if (record.n > next) throw new RetraceError('RECORD_HOLE', `${record.n} after ${next - 1}`);
      if (record.n < next) this.#compare(epoch, record);
      else this.records.push({ epoch, record, volumeId: volumeIds[record.volumeIndex] });
    }
  }

  watermark(timeUs: number, position: StreamPosition): void {
    this.newestWatermark = { timeUs, ...position };
  }

  #compare(epoch: number, record: AgentRecord): void {
    const known = this.records.find((each) => each.epoch === epoch && each.record.n === record.n);
    const same = known?.record.payload.equals(record.payload);
    if (same !== true) throw new RetraceError('RECORD_CONFLICT', `record ${record.n} is another`);
  }
}

const isMark = ({ record }: StoredRecord, name: string): boolean =>
  record.kind === RECORD_KIND.mark && decodeMark(record.payload).mark === name;

/** A group in memory: just enough order, fencing and contents for the server's tests. */
export class FakeGroup implements GroupPort {
  readonly id: GroupId;
  readonly name: string;
  readonly uuid: string;
  readonly stream: FakeStream;
  readonly volumes: FakeVolume[] = [];

  constructor(journal: FakeJournal, id: number, definition: GroupDefinition) {
    this.id = id as GroupId;
    this.name = definition.name;
    this.uuid = definition.uuid;
    this.stream = new FakeStream(journal);
  }

  point(seq: number): InstantPoint {
    return { seq, timeUs: this.stream.records[seq - 1]?.record.timeUs ?? 0 };
  }

  get latest(): InstantPoint | undefined {
    const seq = this.stream.records.length;
    return seq === 0 ? undefined : this.point(seq);
  }

  get watermark(): InstantPoint | undefined {
    const mark = this.stream.newestWatermark;
    return mark === undefined ? undefined : { seq: mark.n, timeUs: mark.timeUs };
  }

  readonly hasLostRecords = false;

  get cleanlyStopped(): boolean {
    const last = this.stream.records.at(-1);
    return last !== undefined && isMark(last, 'clean-stop');
  }

  get history(): { readonly bookmarks: ReadonlyMap<string, BookmarkPoint> } {
    const bookmarks = new Map<string, BookmarkPoint>();
    this.stream.records.forEach((stored, index) => {
      if (!isMark(stored, 'bookmark')) return;
      const mark = decodeMark(stored.record.payload);
      if (mark.mark !== 'bookmark') return;
      const { name, consistency } = mark;
      bookmarks.set(name, { name, consistency, ...this.point(index + 1) });
    });
    return { bookmarks };
  }

  bookmark(name: string): BookmarkPoint | undefined {
    return this.history.bookmarks.get(name);
  }
}

/** A volume in memory: consistent from its sync-complete mark on. */
export class FakeVolume implements VolumePort {
  readonly id: VolumeId;
  readonly groupId: GroupId;
  readonly definition: VolumeDefinition;
  readonly gapCount = 0;
  readonly #group: FakeGroup;

  constructor(id: number, group: FakeGroup, definition: VolumeDefinition) {
    this.id = id as VolumeId;
    this.groupId = group.id;
    this.#group = group;
    this.definition = definition;
  }

  get uuid(): string {
    return this.definition.uuid;
  }
  get machine(): string {
    return this.definition.machine;
  }
  get name(): string {
    return this.definition.name;
  }
  get sizeBytes(): number {
    return this.definition.sizeBytes;
  }
  get blockBytes(): number {
    return this.definition.blockBytes;
  }

  get horizon(): InstantPoint | undefined {
    const at = this.#group.stream.records.findIndex(
      (each) => each.volumeId === this.id && isMark(each, 'sync-complete'),
    );
    return at < 0 ? undefined : this.#group.point(at + 1);
  }

  get latest(): InstantPoint | undefined {
    return this.consistent ? this.#group.latest : undefined;
  }

  get consistent(): boolean {
    return this.horizon !== undefined;
  }
}

/** A journal in memory that can be made slow (`hold`) or broken (`failReads`). */
export class FakeJournal implements JournalPort {
  readonly serverUuid = '00000000-0000-4000-8000-000000000001';
  readonly damages: JournalProblem[] = [];
  failReads: RetraceError | undefined;
  readonly #groups: FakeGroup[] = [];
  readonly #entries = new Map<string, Readonly<Record<string, unknown>>>();
  #held: Promise<void> | undefined;
  #release: () => void = () => undefined;

  readonly metadata: TokenCatalog = {
    list: () => [...this.#entries].map(([id, value]) => ({ id, value })),
    set: async (_kind, id, value) => {
      this.#entries.set(id, value);
    },
  };

  /** From now on commits wait for `release`. */
  hold(): void {
    this.#held = new Promise((resolve) => {
      this.#release = resolve;
    });
  }

  release(): void {
    this.#held = undefined;
    this.#release();
  }

  async commit(): Promise<void> {
    await (this.#held ?? Promise.resolve());
  }

  problems(): readonly JournalProblem[] {
    return this.damages;
  }

  stats() {
    return {
      ...{ layers: 0, layerBytes: 0, seal: undefined },
      ...{ indexBytes: 0, indexExtents: 0, lastLsn: 0 },
    };
  }

  groups(): readonly FakeGroup[] {
    return this.#groups;
  }

  groupByName(name: string): FakeGroup {
    const group = this.#groups.find((each) => each.name === name);
    if (group === undefined) throw new RetraceError('GROUP_UNKNOWN', `no group ${name}`);
    return group;
  }

  volumeByRef(ref: VolumeRef): FakeVolume {
    const name = formatTarget(ref);
    for (const group of this.#groups) {
      const found = group.volumes.find((each) => `${each.machine}/${each.name}` === name);
      if (found !== undefined) return found;
    }
    throw new RetraceError('VOLUME_UNKNOWN', `no volume ${name}`);
  }

  async register(definition: GroupDefinition, volumes: readonly VolumeDefinition[]) {
    let group = this.#groups.find(({ name }) => name === definition.name);
    if (group !== undefined && group.uuid !== definition.uuid) {
      throw new RetraceError('IDENTITY_CONFLICT', `group ${group.name} is another`);
    }
    if (group === undefined) {
      group = new FakeGroup(this, this.#groups.length + 1, definition);
      this.#groups.push(group);
    }
    const owner = group;
    const volumeIds = volumes.map((volume) => {
      const known = owner.volumes.find(({ name }) => name === volume.name);
      if (known !== undefined) return known.id;
      const made = new FakeVolume(owner.id * 100 + owner.volumes.length, owner, volume);
      owner.volumes.push(made);
      return made.id;
    });
    return { group: owner, volumeIds };
  }

  async resolve(target: TargetRef, { instant }: InstantRequest): Promise<Resolution> {
    const volume = target.kind === 'group' ? undefined : this.volumeByRef(target);
    const group =
      target.kind === 'group'
        ? this.groupByName(target.name)
        : this.#groups.find(({ id }) => id === volume?.groupId)!;
    const seq = this.#seqOf(group, instant);
    const exact = { state: 'crash', exact: true } as const;
    const volumes = volume === undefined ? group.volumes.map(({ id }) => id) : undefined;
    return { ...group.point(seq), ...exact, groupId: group.id, volumeId: volume?.id, volumes };
  }

  #seqOf(group: FakeGroup, instant: InstantRequest['instant']): number {
    const count = group.stream.records.length;
    const seq =
      instant.kind === 'seq'
        ? instant.seq
        : instant.kind === 'bookmark'
          ? group.bookmark(instant.name)?.seq
          : instant.kind === 'time' || instant.kind === 'arrival'
            ? group.stream.records.findLastIndex(({ record }) => record.timeUs <= instant.timeUs) +
              1
            : count;
    if (seq === undefined || seq < 1 || seq > count) {
      throw new RetraceError('INSTANT_UNKNOWN', `group ${group.name} has no such instant`);
    }
    return seq;
  }

  view(volumeId: VolumeId, seq: number): ViewPort {
    const group = this.#groups.find(({ volumes }) => volumes.some(({ id }) => id === volumeId))!;
    const volume = group.volumes.find(({ id }) => id === volumeId)!;
    const image = Buffer.alloc(volume.sizeBytes);
    const records = group.stream.records.slice(0, seq).filter((each) => each.volumeId === volumeId);
    for (const { record } of records) {
      const end = record.offset + record.length;
      if (record.kind === RECORD_KIND.write) record.payload.copy(image, record.offset);
      else if (record.kind !== RECORD_KIND.mark) image.fill(0, record.offset, end);
    }
    return memoryView(image, volume.blockBytes, () => this.failReads);
  }

  timeline(): Promise<Timeline> {
    return Promise.resolve({ buckets: [], bookmarks: [], gaps: [] });
  }
}

/** A view over bytes in memory. Every other read answers later, as a cold one would. */
export const memoryView = (
  image: Buffer,
  blockBytes: number,
  failure: () => RetraceError | undefined = () => undefined,
): ViewPort => {
  let reads = 0;
  return {
    sizeBytes: image.length,
    blockBytes,
    read: (offset, target) => {
      const error = failure();
      reads += 1;
      if (reads % 2 === 0) {
        if (error !== undefined) throw error;
        image.copy(target, 0, offset, offset + target.length);
        return undefined;
      }
      return Promise.resolve().then(() => {
        if (error !== undefined) throw error;
        image.copy(target, 0, offset, offset + target.length);
      });
    },
    extents: (_offset, length) => [{ length, hole: false, zero: false }],
    close: () => undefined,
  };
};
