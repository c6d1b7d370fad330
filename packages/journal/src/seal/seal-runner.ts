import type { Storage } from '../storage/storage.js';
import { type SealJob, type SealResult, type SealSource, sealSegments } from './seal-segments.js';

/** Who does the work of sealing: another thread, or this one. */
export interface SealRunner {
  /** @throws RetraceError STORAGE_FAILED, DISK_FULL, JOURNAL_CLOSED; no file is left behind */
  run(job: SealJob): Promise<SealResult>;
  /** Ends what is under way. */
  close(): Promise<void>;
}

/** Seals in this thread: for tests, and for segments that need LevelDB's copy of an entry. */
export class LocalSealRunner implements SealRunner {
  readonly #storage: Storage;
  readonly #source: SealSource;

  constructor(storage: Storage, source: SealSource) {
    this.#storage = storage;
    this.#source = source;
  }

  run(job: SealJob): Promise<SealResult> {
    return sealSegments(job, this.#storage, this.#source);
  }

  async close(): Promise<void> {
    // The caller waits for `run`.
  }
}
