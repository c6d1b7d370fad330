import { groupStatus } from '../history.js';
import type { ApiTarget } from '../http-api.js';
import { waitFor } from '../wait-for.js';
import type { FlushPoint } from './flushed-writer.js';

/** A flush that waited for 2 s was answered by the local disk alone. */
const DURABILITY_WAIT_MS = 1900;

/**
 * Waits until durability `flush` is in force for the first volume of a group: a flush that is
 * answered from then on (within 2 s) is stored.
 */
export async function waitDurable(server: ApiTarget, group = 'web-01'): Promise<void> {
  const isInForce = async (): Promise<boolean> => {
    const [volume] = (await groupStatus(server, group)).volumes;
    return volume?.state === 'protected' && volume.durabilityInForce === 'flush';
  };
  await waitFor(isInForce, { what: 'durability flush in force', timeoutMs: 20_000 });
}

/** Whether the journal answered all these flushes too, durability `flush` being in force. */
export const areStored = (points: readonly FlushPoint[]): boolean =>
  points.every(({ tookMs }) => tookMs < DURABILITY_WAIT_MS);
