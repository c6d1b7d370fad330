import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { NbdClient } from '@retrace/nbd';

export interface PacedWrites {
  readonly uri: string;
  readonly bytesPerSecond: number;
  readonly writeBytes: number;
  readonly seconds: number;
}

/** What a guest saw of its writes, in the order they were answered. */
export interface PacedResult {
  /** Monotonic, in milliseconds. */
  readonly answeredMs: readonly number[];
  readonly bytesPerSecond: number;
}

/** Data blocks to choose from: making random bytes for each write would cost a core. */
const BLOCKS = 256;

/**
 * A guest that writes at a steady rate to random places, whether or not earlier writes are
 * answered.
 */
export async function writePaced(options: PacedWrites): Promise<PacedResult> {
  const { uri, bytesPerSecond, writeBytes, seconds } = options;
  const client = await NbdClient.connect(uri);
  const blocks = Array.from({ length: BLOCKS }, () => randomBytes(writeBytes));
  const places = Math.floor(client.info.sizeBytes / writeBytes);
  const total = Math.floor((bytesPerSecond * seconds) / writeBytes);
  const answeredMs: number[] = [];
  const failures: unknown[] = [];
  const underWay = new Set<Promise<void>>();
  const startMs = performance.now();
  for (let sent = 0; sent < total; ) {
    const due = ((performance.now() - startMs) / 1000) * bytesPerSecond;
    for (; sent < total && sent * writeBytes <= due; sent++) {
      const offset = Math.floor(Math.random() * places) * writeBytes;
      const answered = client.write(offset, blocks[sent % BLOCKS]!).then(
        () => {
          answeredMs.push(performance.now());
          underWay.delete(answered);
        },
        (error: unknown) => {
          failures.push(error);
          underWay.delete(answered);
        },
      );
      underWay.add(answered);
    }
    await sleep(1);
  }
  await Promise.all(underWay);
  const tookSeconds = (performance.now() - startMs) / 1000;
  await client.close();
  if (failures.length > 0) throw failures[0] as Error;
  return { answeredMs, bytesPerSecond: (total * writeBytes) / tookSeconds };
}
