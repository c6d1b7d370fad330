import { setPriority } from 'node:os';
import { parentPort, workerData } from 'node:worker_threads';
import { toRetraceError } from '@retrace/core';
import { SegmentReader } from '../log/segment-reader.js';
import { LocalStorage } from '../storage/local-storage.js';
import { sealSegments } from './seal-segments.js';
import type { SealWorkerData, SealWorkerMessage } from './worker-message.js';

const SEALING_NICENESS = 10;

/** A thread of its own that seals once and ends. */
const seal = async ({ root, openFilesMax, job }: SealWorkerData): Promise<SealWorkerMessage> => {
  const storage = new LocalStorage(root);
  let problem: string | undefined;
  const source = new SegmentReader(storage, openFilesMax, ({ place, message }) => {
    problem ??= `${place}: ${message}`;
  });
  try {
    const result = await sealSegments(job, storage, source);
    if (problem === undefined) return { kind: 'done', result };
    await storage.remove(job.path);
    return { kind: 'damaged', problem };
  } catch (error) {
    const { code, message } = toRetraceError(error);
    return { kind: 'failed', code, message };
  } finally {
    source.close();
  }
};

// Of this thread alone, as Linux has it: ingest and reads come first.
setPriority(SEALING_NICENESS);

parentPort?.postMessage(await seal(workerData as SealWorkerData));
