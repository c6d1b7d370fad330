import {
  type Clock,
  type Definition,
  decodeDefinition,
  formatTarget,
  type GroupDefinition,
  type GroupId,
  RECORD_KIND,
  RetraceError,
  groupId as toGroupId,
  volumeId as toVolumeId,
  type VolumeDefinition,
  type VolumeId,
  type VolumeRef,
} from '@retrace/core';
import type { Catalog } from '../catalog/catalog.js';
import type { GroupHistory } from '../history/group-history.js';
import type { LogRecord } from '../log/log-record.js';
import type { Damage } from '../storage/damage.js';
import { Group } from './group.js';
import { GroupStream, type StreamLog } from './group-stream.js';
import {
  decodeGroupEntry,
  decodeVolumeEntry,
  encodeGroupEntry,
  encodeVolumeEntry,
  GROUP_KIND,
  type GroupEntry,
  VOLUME_KIND,
  type VolumeEntry,
} from './registry-entries.js';
import { Volume } from './volume.js';

export interface RegistryOptions {
  readonly catalog: Catalog;
  readonly clock: Clock;
  readonly log: StreamLog;
  readonly volumesMax: number;
  readonly checkRoom: (records: number) => void;
  /** A group's history up to where its records are sealed. */
  readonly openHistory: (groupId: number) => GroupHistory;
}

/** Stands for a group of which only records are left. */
const LOST_IDENTITY = { define: 'group', uuid: '00000000-0000-0000-0000-000000000000' } as const;

/** The groups and volumes a journal knows, by id and by name; kept in the catalog. */
export class Registry {
  readonly #options: RegistryOptions;
  readonly #groups = new Map<number, Group>();
  readonly #volumes = new Map<number, Volume>();
  readonly problems: Damage[] = [];
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: RegistryOptions) {
    this.#options = options;
    for (const entry of options.catalog.list(GROUP_KIND)) {
      this.#read(() => this.#addGroup(decodeGroupEntry(entry.id, entry.value)));
    }
    for (const entry of options.catalog.list(VOLUME_KIND)) {
      this.#read(() => this.#addVolume(decodeVolumeEntry(entry.id, entry.value)));
    }
  }

  get groups(): readonly Group[] {
    return [...this.#groups.values()];
  }

  findGroup(id: number): Group | undefined {
    return this.#groups.get(id);
  }

  findVolume(id: number): Volume | undefined {
    return this.#volumes.get(id);
  }

  groupById(id: number): Group {
    const group = this.#groups.get(id);
    if (group === undefined) throw new RetraceError('GROUP_UNKNOWN', `there is no group ${id}`);
    return group;
  }

  volumeById(id: number): Volume {
    const volume = this.#volumes.get(id);
    if (volume === undefined) throw new RetraceError('VOLUME_UNKNOWN', `there is no volume ${id}`);
    return volume;
  }

  /**
   * The group of a stored record. A group or volume that the catalog has lost comes back by its
   * definition records, under a name of its own until they are met.
   */
  groupOf(record: LogRecord): Group {
    let group = this.#groups.get(record.groupId);
    if (group === undefined) {
      const definition = { ...LOST_IDENTITY, name: `lost-group-${record.groupId}` };
      group = this.#addGroup({ id: record.groupId, definition, holder: undefined });
      this.#noteLost(`group ${record.groupId}`);
    }
    if (record.kind === RECORD_KIND.define && record.body !== undefined) {
      this.#adopt(group, record, decodeDefinition(record.body));
    }
    return group;
  }

  #adopt(group: Group, record: LogRecord, definition: Definition): void {
    if (definition.define === 'group') {
      if (group.uuid === LOST_IDENTITY.uuid) group.redefine(definition);
    } else if (!this.#volumes.has(record.volumeId)) {
      this.#addVolume({ id: record.volumeId, groupId: record.groupId, definition });
      this.#noteLost(`volume ${definition.machine}/${definition.name}`);
    }
  }

  #noteLost(what: string): void {
    const message = `the catalog has lost ${what}; what the log says of it is used`;
    this.problems.push({ code: 'CORRUPTION', message, place: 'catalog' });
  }

  groupByName(name: string): Group {
    const group = this.groups.find((candidate) => candidate.name === name);
    if (group !== undefined) return group;
    throw new RetraceError('GROUP_UNKNOWN', `the server knows no group "${name}"${this.#known()}`);
  }

  volumeByRef(ref: VolumeRef): Volume {
    const name = formatTarget(ref);
    const volume = [...this.#volumes.values()].find((candidate) => candidate.fullName === name);
    if (volume !== undefined) return volume;
    throw new RetraceError(
      'VOLUME_UNKNOWN',
      `the server knows no volume "${name}"${this.#known()}`,
    );
  }

  #known(): string {
    const names = [...this.#volumes.values()].map((volume) => volume.fullName).slice(0, 10);
    return names.length === 0 ? '; none is protected yet' : `; it knows ${names.join(', ')}`;
  }

  /** One registration at a time, so that no number is given twice. */
  register(
    group: GroupDefinition,
    volumes: readonly VolumeDefinition[],
    takeOver: boolean,
  ): Promise<{ group: Group; volumeIds: readonly VolumeId[] }> {
    const turn = this.#turn.then(() => this.#register(group, volumes, takeOver));
    this.#turn = turn.catch(() => undefined);
    return turn;
  }

  async #register(
    definition: GroupDefinition,
    volumes: readonly VolumeDefinition[],
    takeOver: boolean,
  ): Promise<{ group: Group; volumeIds: readonly VolumeId[] }> {
    const known = this.groups.find((candidate) => candidate.name === definition.name);
    if (!takeOver) checkIdentity('group', definition.name, known?.uuid, definition.uuid);
    const entry: GroupEntry = {
      id: known?.id ?? toGroupId(nextId(this.#groups)),
      definition,
      holder: known?.stream.holder,
    };
    const entries = this.#volumeEntries(entry.id, volumes, takeOver);
    const changes = [
      ...(isSame(known?.definition, definition)
        ? []
        : [{ kind: GROUP_KIND, id: String(entry.id), value: encodeGroupEntry(entry) }]),
      ...entries
        .filter(({ id, definition }) => !isSame(this.#volumes.get(id)?.definition, definition))
        .map((volume) => ({
          kind: VOLUME_KIND,
          id: String(volume.id),
          value: encodeVolumeEntry(volume),
        })),
    ];
    if (changes.length > 0) await this.#options.catalog.put(changes);
    const group = known ?? this.#addGroup(entry);
    group.redefine(definition);
    for (const volume of entries) {
      const existing = this.#volumes.get(volume.id);
      if (existing === undefined) this.#addVolume(volume);
      else existing.redefine(volume.definition);
    }
    return { group, volumeIds: entries.map(({ id }) => id) };
  }

  #volumeEntries(
    groupId: GroupId,
    volumes: readonly VolumeDefinition[],
    takeOver: boolean,
  ): VolumeEntry[] {
    let next = nextId(this.#volumes);
    return volumes.map((definition) => {
      const name = `${definition.machine}/${definition.name}`;
      const known = [...this.#volumes.values()].find((volume) => volume.fullName === name);
      if (known !== undefined) {
        if (!takeOver) checkIdentity('volume', name, known.uuid, definition.uuid);
        checkPlace(known, groupId, definition);
        return { id: known.id, groupId, definition };
      }
      const id = next;
      next += 1;
      if (id > this.#options.volumesMax) {
        throw new RetraceError(
          'RECORD_INVALID',
          `no more than ${this.#options.volumesMax} volumes`,
        );
      }
      return { id: toVolumeId(id), groupId, definition };
    });
  }

  #addGroup(entry: GroupEntry): Group {
    const { log, clock, catalog, checkRoom, openHistory } = this.#options;
    const history = openHistory(entry.id);
    const stream = new GroupStream({
      groupId: entry.id,
      groupName: entry.definition.name,
      history,
      log,
      clock,
      holder: entry.holder,
      checkRoom,
      saveHolder: async (holder) => {
        const { definition } = this.groupById(entry.id);
        const value = encodeGroupEntry({ id: entry.id, definition, holder });
        await catalog.put([{ kind: GROUP_KIND, id: String(entry.id), value }]);
      },
    });
    const group = new Group(entry.id, entry.definition, history, stream);
    this.#groups.set(entry.id, group);
    return group;
  }

  #addVolume(entry: VolumeEntry): Volume {
    const group = this.groupById(entry.groupId);
    const volume = new Volume(entry.id, entry.groupId, entry.definition, group.history);
    this.#volumes.set(entry.id, volume);
    group.addVolume(volume);
    // Known before its first record, so that damage of the group finds it.
    group.history.volume(entry.id);
    return volume;
  }

  #read(add: () => unknown): void {
    try {
      add();
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      this.problems.push({ code: 'CORRUPTION', message, place: 'catalog' });
    }
  }
}

const nextId = (known: ReadonlyMap<number, unknown>): number => Math.max(0, ...known.keys()) + 1;

const isSame = (a: object | undefined, b: object): boolean =>
  a !== undefined && JSON.stringify(a) === JSON.stringify(b);

const checkIdentity = (
  what: 'group' | 'volume',
  name: string,
  known: string | undefined,
  uuid: string,
): void => {
  if (known === undefined || known === uuid) return;
  throw new RetraceError(
    'IDENTITY_CONFLICT',
    `${what} ${name} is known here with the identity ${known}, this agent says ${uuid}: another ` +
      'machine of the same name, or one that lost its state folder; give it another name, or ' +
      'start its agent with --take-over if it is the right one',
    { details: { known, uuid } },
  );
};

const checkPlace = (known: Volume, groupId: GroupId, definition: VolumeDefinition): void => {
  if (known.groupId !== groupId) {
    throw new RetraceError(
      'IDENTITY_CONFLICT',
      `volume ${known.fullName} belongs to another group here; volumes cannot change group yet`,
    );
  }
  if (known.blockBytes !== definition.blockBytes) {
    throw new RetraceError(
      'IDENTITY_CONFLICT',
      `volume ${known.fullName} is kept in blocks of ${known.blockBytes} bytes, the agent says ` +
        `${definition.blockBytes}`,
    );
  }
};
