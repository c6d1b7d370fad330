import type { Logger } from '../system/logger.js';
import type { Cancel } from '../system/scheduler.js';
import type { Volume } from '../volume/volume.js';
import type { PathContext } from '../volume/write-path.js';
import { FullCopy } from './full-copy.js';

/** A copy whose records are queued, and not all stored. */
interface Unconfirmed {
  readonly volume: Volume;
  readonly epoch: number;
  readonly losses: number;
  readonly n: number;
}

/** Runs the full copies that are due, one volume at a time, while there is a session. */
export class Copies {
  readonly #contexts: readonly PathContext[];
  readonly #logger: Logger;
  readonly #isConnected: () => boolean;
  #unconfirmed: Unconfirmed[] = [];
  #running = false;
  #idle: Promise<void> = Promise.resolve();
  #stopped = false;
  #retry: Cancel | undefined;

  constructor(contexts: readonly PathContext[], logger: Logger, isConnected: () => boolean) {
    this.#contexts = contexts;
    this.#logger = logger;
    this.#isConnected = isConnected;
  }

  /** Something is different: perhaps a copy can begin. */
  kick(): void {
    if (!this.#running && !this.#stopped) this.#idle = this.#run();
  }

  /** The journal has stored everything up to `n` of `epoch`. */
  acknowledged(epoch: number, n: number): void {
    if (this.#unconfirmed.length === 0) return;
    const left: Unconfirmed[] = [];
    for (const copy of this.#unconfirmed) {
      if (copy.epoch !== epoch || copy.losses !== copy.volume.losses) continue;
      if (copy.n > n) left.push(copy);
      else copy.volume.happened('copy-completed', 'the full copy is complete');
    }
    this.#unconfirmed = left;
  }

  /** Begins no more copies, and ends the running one at its next piece. */
  stop(): void {
    this.#stopped = true;
    this.#retry?.();
  }

  /** Resolves when nothing is being copied any more. */
  idle(): Promise<void> {
    return this.#idle;
  }

  async #run(): Promise<void> {
    this.#running = true;
    for (let next = this.#next(); next !== undefined; next = this.#next()) await this.#copy(next);
    this.#running = false;
    this.#armRetry();
  }

  async #copy(context: PathContext): Promise<void> {
    const { volume, stream, scheduler, limits } = context;
    volume.happened('copy-begun', 'the whole volume is being copied');
    const { losses } = volume;
    const { epoch } = stream;
    this.#logger.info({ volume: volume.fullName, bytes: volume.sizeBytes }, 'full copy begins');
    try {
      const result = await new FullCopy(context, () => this.#isWanted()).run();
      if (result.kind === 'abandoned') return;
      this.#unconfirmed.push({ volume, epoch, losses, n: result.n });
      this.acknowledged(stream.epoch, stream.ackedN);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      volume.copyNotBeforeMs = scheduler.nowMs() + limits.copyRetryMs;
      volume.happened('copy-failed', `the full copy failed, it will be tried again: ${why}`);
      this.#logger.error({ volume: volume.fullName, why }, 'full copy failed');
    }
  }

  #isWanted(): boolean {
    return !this.#stopped;
  }

  /** The next volume to copy now. */
  #next(): PathContext | undefined {
    if (this.#stopped || !this.#isConnected()) return undefined;
    return this.#contexts.find(
      (context) => this.#isDue(context) && context.volume.copyNotBeforeMs <= now(context),
    );
  }

  #isDue({ volume, stream }: PathContext): boolean {
    if (!stream.recording || !volume.needsCopy) return false;
    return !this.#unconfirmed.some(
      (copy) =>
        copy.volume === volume && copy.epoch === stream.epoch && copy.losses === volume.losses,
    );
  }

  #armRetry(): void {
    const later = this.#contexts.filter((context) => this.#isDue(context));
    if (later.length === 0 || this.#stopped || !this.#isConnected()) return;
    const first = later[0]!;
    const delays = later.map((context) => context.volume.copyNotBeforeMs - now(context));
    this.#retry?.();
    this.#retry = first.scheduler.after(Math.max(1, Math.min(...delays)), () => this.kick());
  }
}

const now = (context: PathContext): number => context.scheduler.nowMs();
