import { groupStatus } from '../history.js';
import type { ApiTarget } from '../http-api.js';
import { waitFor } from '../wait-for.js';

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
