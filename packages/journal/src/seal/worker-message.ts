import type { SealJob, SealResult } from './seal-segments.js';

/** What a sealing thread is given. */
export interface SealWorkerData {
  /** The data directory. */
  readonly root: string;
  readonly openFilesMax: number;
  readonly job: SealJob;
}

/** What it says at its end. */
export type SealWorkerMessage =
  | { readonly kind: 'done'; readonly result: SealResult }
  /** The payload file alone does not have all entries: LevelDB's copies are needed. */
  | { readonly kind: 'damaged'; readonly problem: string }
  | { readonly kind: 'failed'; readonly code: string; readonly message: string };
