import { RetraceError } from '@retrace/core';
import type { Catalog } from '../catalog/catalog.js';
import { type LayerCacheLimits, LayerCaches } from '../layer/layer-caches.js';
import { LayerFile } from '../layer/layer-file.js';
import type { LayerVolume } from '../layer/layer-volume.js';
import type { ActivityRow } from '../layer/rows.js';
import { type Damage, damage } from '../storage/damage.js';
import type { Storage } from '../storage/storage.js';
import { decodeLayerEntry, LAYER_KIND, type LayerEntry } from './layer-entry.js';
import { LAYER_DIRECTORY, layerPath, parseLayerFileName } from './layer-paths.js';

/** Records of a group that nothing has any more. Bounds are inclusive. */
export interface LayerHole {
  readonly fromLsn: number;
  readonly toLsn: number;
  readonly fromSeq: number;
  readonly toSeq: number;
}

/** The layers there are, in lsn order, and their files as far as they have been opened. */
export class LayerSet {
  readonly #storage: Storage;
  readonly #caches: LayerCaches;
  readonly #entries: LayerEntry[] = [];
  readonly #files = new Map<number, Promise<LayerFile>>();
  readonly #open = new Map<number, LayerFile>();
  readonly #problems: Damage[] = [];
  /** Lsns that no layer has, and that are not in the log. */
  readonly #holes: { readonly fromLsn: number; readonly toLsn: number }[] = [];
  #highest = 0;

  constructor(storage: Storage, caches: LayerCacheLimits) {
    this.#storage = storage;
    this.#caches = new LayerCaches(caches);
  }

  /** Reads from the catalog which layers there are; none of them is opened. */
  async load(catalog: Catalog): Promise<void> {
    await this.#storage.makeDirectory(LAYER_DIRECTORY);
    await this.#storage.syncDirectory('');
    const found: LayerEntry[] = [];
    for (const { id, value } of catalog.list(LAYER_KIND)) {
      this.#highest = Math.max(this.#highest, Number(id) || 0);
      try {
        found.push(decodeLayerEntry(id, value));
      } catch (error) {
        this.#problems.push(damage(`catalog layer "${id}"`, (error as Error).message));
      }
    }
    for (const entry of found.sort((a, b) => a.fromLsn - b.fromLsn)) this.add(entry);
    for (const name of await this.#storage.list(LAYER_DIRECTORY)) {
      this.#highest = Math.max(this.#highest, parseLayerFileName(name) ?? 0);
    }
    this.#checkCover();
  }

  /** What is sealed must lie side by side: a layer that is missing has taken records with it. */
  #checkCover(): void {
    let next = 1;
    for (const { fromLsn, toLsn, layer, lostBlocks } of this.#entries) {
      if (fromLsn > next) this.#noteHole(next, fromLsn - 1);
      if (lostBlocks > 0) {
        const message = `${lostBlocks} blocks were damaged in the log before they were sealed`;
        this.#problems.push(damage(layerPath(layer), message));
      }
      next = toLsn + 1;
    }
  }

  /** The log begins here: what lies between the last layer and this is missing. */
  noteLogStart(firstLsn: number): void {
    if (firstLsn > this.lastLsn + 1) this.#noteHole(this.lastLsn + 1, firstLsn - 1);
  }

  #noteHole(fromLsn: number, toLsn: number): void {
    this.#holes.push({ fromLsn, toLsn });
    const message = `the records of lsn ${fromLsn} to ${toLsn} are lost: no layer has them`;
    const lost = { lostFromLsn: fromLsn, lostToLsn: toLsn };
    this.#problems.push({ ...damage(LAYER_DIRECTORY, message), ...lost });
  }

  problems(): readonly Damage[] {
    return this.#problems;
  }

  /** In lsn order. */
  get entries(): readonly LayerEntry[] {
    return this.#entries;
  }

  /** The last lsn that is in a layer; 0 when there is none. */
  get lastLsn(): number {
    return this.#entries.at(-1)?.toLsn ?? 0;
  }

  /** Bytes of all layer files. */
  get bytes(): number {
    return this.#entries.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /** A number for the next layer: above every one there ever was. */
  takeNumber(): number {
    this.#highest += 1;
    return this.#highest;
  }

  /** The next layer in lsn order. */
  add(entry: LayerEntry): void {
    this.#entries.push(entry);
    this.#highest = Math.max(this.#highest, entry.layer);
  }

  /** Layers with versions of a volume at or before `seq`, newest first. */
  ofVolume(volumeId: number, seq: number): readonly LayerEntry[] {
    return this.#entries
      .filter(({ volumes }) =>
        volumes.some((v) => v.volumeId === volumeId && v.fromSeq > 0 && v.fromSeq <= seq),
      )
      .reverse();
  }

  /**
   * Where records of a group are missing before `seq`, newest first: lsns that nothing has any
   * more, and at which the group's seqs are not dense.
   * @param logFirstSeq - of the group's records in the log; Infinity when there is none
   */
  holesOf(groupId: number, seq: number, logFirstSeq: number): readonly LayerHole[] {
    const own = this.ofGroup(groupId).map((entry) => ({
      entry,
      group: entry.groups.find((group) => group.groupId === groupId)!,
    }));
    return this.#holes
      .map(({ fromLsn, toLsn }): LayerHole => {
        const before = own.findLast(({ entry }) => entry.toLsn < fromLsn)?.group.toSeq ?? 0;
        const after = own.find(({ entry }) => entry.fromLsn > toLsn)?.group.fromSeq ?? logFirstSeq;
        return { fromLsn, toLsn, fromSeq: before + 1, toSeq: after - 1 };
      })
      .filter(({ fromSeq, toSeq }) => fromSeq <= toSeq && fromSeq <= seq)
      .reverse();
  }

  /** Layers with records of a group, oldest first. */
  ofGroup(groupId: number): readonly LayerEntry[] {
    return this.#entries.filter(({ groups }) => groups.some((g) => g.groupId === groupId));
  }

  /**
   * What a volume did in each second that touches [fromUs, toUs], as far as it is in layers, in
   * order; a second may come twice.
   * @throws RetraceError CORRUPTION, STORAGE_FAILED
   */
  async activity(volumeId: number, fromUs: number, toUs: number): Promise<ActivityRow[]> {
    const out: ActivityRow[] = [];
    for (const entry of this.#entries) {
      if (!entry.volumes.some((v) => v.volumeId === volumeId)) continue;
      const volume = await this.volume(entry, volumeId);
      for (const row of await volume.activity()) {
        const startUs = row.second * 1_000_000;
        if (startUs + 1_000_000 > fromUs && startUs <= toUs) out.push(row);
      }
    }
    return out;
  }

  /**
   * The file of a layer, opened when it is first asked for.
   * @throws RetraceError CORRUPTION, STORAGE_FAILED
   */
  file(entry: LayerEntry): LayerFile | Promise<LayerFile> {
    const { layer, bytes, digest } = entry;
    const open = this.#open.get(layer);
    if (open !== undefined) return open;
    let opening = this.#files.get(layer);
    if (opening === undefined) {
      const path = layerPath(layer);
      const caches = this.#caches;
      opening = LayerFile.open({ storage: this.#storage, path, layer, bytes, digest, caches });
      this.#files.set(layer, opening);
      opening.then(
        (file) => this.#open.set(layer, file),
        // Asked for again, it is tried again.
        () => this.#files.delete(layer),
      );
    }
    return opening;
  }

  /** A volume in a layer. @throws RetraceError CORRUPTION, STORAGE_FAILED */
  volume(entry: LayerEntry, volumeId: number): LayerVolume | Promise<LayerVolume> {
    const file = this.file(entry);
    const pick = (opened: LayerFile): LayerVolume => {
      const volume = opened.volume(volumeId);
      if (volume !== undefined) return volume;
      const place = layerPath(entry.layer);
      throw new RetraceError('CORRUPTION', `${place} does not hold volume ${volumeId}`, {
        details: { place },
      });
    };
    return file instanceof Promise ? file.then(pick) : pick(file);
  }

  async close(): Promise<void> {
    for (const opening of this.#files.values()) {
      await opening.then((file) => file.close()).catch(() => {});
    }
  }
}
