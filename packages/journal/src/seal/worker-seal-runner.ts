import { Worker } from 'node:worker_threads';
import { type ErrorCode, RETRACE_ERROR_CODES, RetraceError } from '@retrace/core';
import type { Logger } from '../storage/logger.js';
import type { SealRunner } from './seal-runner.js';
import type { SealJob, SealResult } from './seal-segments.js';
import type { SealWorkerData, SealWorkerMessage } from './worker-message.js';

export interface WorkerSealRunnerOptions {
  /** The data directory. */
  readonly root: string;
  readonly openFilesMax: number;
  /** For segments whose payload file is damaged: it can read LevelDB's copies. */
  readonly fallback: SealRunner;
  readonly logger: Logger;
}

const WORKER = new URL('./seal-worker.js', import.meta.url);

const isErrorCode = (code: string): code is ErrorCode => code in RETRACE_ERROR_CODES;

/** Seals in a thread of its own, a new one for each layer, so that ingest and reads go on. */
export class WorkerSealRunner implements SealRunner {
  readonly #options: WorkerSealRunnerOptions;
  #worker: Worker | undefined;
  #closed = false;

  constructor(options: WorkerSealRunnerOptions) {
    this.#options = options;
  }

  async run(job: SealJob): Promise<SealResult> {
    const { root, openFilesMax, fallback, logger } = this.#options;
    const message = await this.#ask({ root, openFilesMax, job });
    switch (message.kind) {
      case 'done':
        return message.result;
      case 'damaged':
        logger.warn({ problem: message.problem }, 'sealing a damaged segment: this takes longer');
        return await fallback.run(job);
      case 'failed': {
        const code = isErrorCode(message.code) ? message.code : 'INTERNAL';
        throw new RetraceError(code, message.message);
      }
    }
  }

  #ask(data: SealWorkerData): Promise<SealWorkerMessage> {
    return new Promise((resolve, reject) => {
      if (this.#closed) {
        reject(new RetraceError('JOURNAL_CLOSED', 'the journal is shutting down'));
        return;
      }
      const worker = new Worker(WORKER, { workerData: data, name: `seal layer ${data.job.layer}` });
      this.#worker = worker;
      worker.once('message', resolve);
      worker.once('error', (cause) => {
        reject(new RetraceError('INTERNAL', 'the sealing thread failed', { cause }));
      });
      worker.once('exit', () => {
        this.#worker = undefined;
        reject(new RetraceError('JOURNAL_CLOSED', 'the sealing thread was ended'));
      });
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#worker?.terminate();
  }
}
