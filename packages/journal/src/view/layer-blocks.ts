import { RetraceError } from '@retrace/core';
import type { RangeBudget } from '../index/hot-index.js';
import type { LayerPiece, RowPlace } from '../layer/layer-pieces.js';
import type { LayerVolume } from '../layer/layer-volume.js';
import type { BlockPiece, BlockSource, SourcePiece } from './block-source.js';
import type { DamageSink } from './segment-source.js';

export interface LayerBlocksOptions {
  /** Opens the layer when it is first needed. */
  readonly open: () => LayerVolume | Promise<LayerVolume>;
  readonly layer: number;
  readonly volumeName: string;
  readonly blockBytes: number;
  readonly onDamage: DamageSink;
}

/** A volume's blocks by one layer. */
export class LayerBlocks implements BlockSource {
  readonly #options: LayerBlocksOptions;

  constructor(options: LayerBlocksOptions) {
    this.#options = options;
  }

  pieces(
    seq: number,
    start: number,
    blocks: number,
    budget: RangeBudget,
  ): readonly SourcePiece[] | Promise<readonly SourcePiece[]> {
    return this.#ask(start, blocks, budget, (volume, from, count) => {
      const found = volume.pieces(from, count, seq, budget);
      if (found instanceof Promise) return found.then((list) => this.#toSource(list, volume));
      return this.#toSource(found, volume);
    });
  }

  runs(
    seq: number,
    start: number,
    blocks: number,
    budget: RangeBudget,
  ): readonly BlockPiece[] | Promise<readonly BlockPiece[]> {
    return this.#ask<BlockPiece>(start, blocks, budget, (volume, from, count) =>
      volume.dataRuns(from, count, seq, budget),
    );
  }

  /** Asks again where a layer has answered only a part, until the caller's budget is used up. */
  #ask<P extends BlockPiece>(
    start: number,
    blocks: number,
    budget: RangeBudget,
    ask: (volume: LayerVolume, from: number, count: number) => readonly P[] | Promise<readonly P[]>,
  ): readonly P[] | Promise<readonly P[]> {
    const { open } = this.#options;
    const goOn = async (first: readonly P[], volume: LayerVolume): Promise<readonly P[]> => {
      const out = [...first];
      for (;;) {
        const last = out.at(-1)!;
        const from = last.startBlock + last.blocks;
        if (from >= start + blocks || out.length >= budget.piecesMax) return out;
        out.push(...(await ask(volume, from, start + blocks - from)));
      }
    };
    const whole = (found: readonly P[], volume: LayerVolume) => {
      const last = found.at(-1)!;
      const covers = last.startBlock + last.blocks >= start + blocks;
      return covers || found.length >= budget.piecesMax ? found : goOn(found, volume);
    };
    const onVolume = (volume: LayerVolume): readonly P[] | Promise<readonly P[]> => {
      const found = ask(volume, start, blocks);
      if (!(found instanceof Promise)) return whole(found, volume);
      return found.then((list) => whole(list, volume));
    };
    return this.#noting(() => {
      const volume = open();
      return volume instanceof Promise ? volume.then(onVolume) : onVolume(volume);
    });
  }

  #toSource(pieces: readonly LayerPiece[], volume: LayerVolume): SourcePiece[] {
    return pieces.map(({ startBlock, blocks, kind, seq, place }) => {
      if (kind === 'data') {
        const read = (byte: number, target: Buffer) =>
          this.#read(volume, place!, byte - startBlock * this.#options.blockBytes, target);
        return { startBlock, blocks, kind, read };
      }
      if (kind !== 'lost') return { startBlock, blocks, kind };
      return { startBlock, blocks, kind, read: (byte: number) => this.#lost(byte, seq) };
    });
  }

  #read(
    volume: LayerVolume,
    place: RowPlace,
    skip: number,
    target: Buffer,
  ): undefined | Promise<void> {
    return this.#noting(() => volume.read(place, target, skip));
  }

  #lost(byte: number, seq: number): never {
    const { volumeName, layer } = this.#options;
    const error = new RetraceError(
      'CORRUPTION',
      `${volumeName}: bytes at ${byte}, written at seq:${seq}, were damaged in the log before ` +
        `they came into layer ${layer}; instants before seq:${seq} do not need them`,
      { details: { volume: volumeName, seq, offset: byte, layer } },
    );
    this.#options.onDamage(error);
    throw error;
  }

  /** Tells of damage that a read meets, named by its volume. */
  #noting<T>(work: () => T): T {
    try {
      const done = work();
      if (!(done instanceof Promise)) return done;
      return done.catch((error: unknown) => {
        throw this.#note(error);
      }) as T;
    } catch (error) {
      throw this.#note(error);
    }
  }

  #note(error: unknown): unknown {
    if (!(error instanceof RetraceError) || error.code !== 'CORRUPTION') return error;
    const { volumeName, onDamage } = this.#options;
    if (error.message.startsWith(`${volumeName}: `)) return error;
    const { details } = error;
    const named = new RetraceError('CORRUPTION', `${volumeName}: ${error.message}`, {
      details,
      cause: error,
    });
    onDamage(named);
    return named;
  }
}
