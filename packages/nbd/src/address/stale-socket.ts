import { lstat, unlink } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { NbdError } from '../errors.js';

/**
 * Removes a unix socket that nobody listens on: connecting must be refused, and the file must be
 * the same before and after.
 *
 * @throws NbdError NBD_ADDRESS_IN_USE when somebody listens, or the file is not a socket.
 */
export async function removeStaleSocket(path: string): Promise<void> {
  const before = await statOf(path);
  if (before === undefined) return;
  if (!before.isSocket()) {
    throw new NbdError('NBD_ADDRESS_IN_USE', `${path} exists and is not a socket`);
  }
  if (!(await isRefused(path))) {
    throw new NbdError('NBD_ADDRESS_IN_USE', `somebody listens on ${path} already`);
  }
  const after = await statOf(path);
  if (after === undefined) return;
  if (after.ino !== before.ino) {
    throw new NbdError('NBD_ADDRESS_IN_USE', `somebody has just begun to listen on ${path}`);
  }
  await unlink(path);
}

async function statOf(path: string): Promise<Awaited<ReturnType<typeof lstat>> | undefined> {
  try {
    return await lstat(path);
  } catch {
    return undefined;
  }
}

/** Only a plain refusal proves that nobody listens; anything else may be a busy server. */
function isRefused(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createConnection({ path });
    const answer = (refused: boolean): void => {
      probe.destroy();
      resolve(refused);
    };
    probe.once('connect', () => answer(false));
    probe.once('error', (error) => answer('code' in error && error.code === 'ECONNREFUSED'));
  });
}
