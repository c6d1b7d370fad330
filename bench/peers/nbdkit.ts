import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Cleanups } from '../system/cleanups.js';
import { Program } from '../system/program.js';
import { type NbdPeer, unixUri } from './nbd-peer.js';

const START_TIMEOUT_MS = 10_000;

/** A plain file over NBD, by nbdkit: as fast as it gets. */
export async function startNbdkit(
  image: string,
  dir: string,
  cleanups: Cleanups,
): Promise<NbdPeer> {
  const socket = join(dir, 'nbdkit.sock');
  const args = ['--foreground', '--unix', socket, 'file', image];
  const program = new Program({ name: 'nbdkit', command: 'nbdkit', args });
  cleanups.add(() => program.stop());
  await program.waitUntil('the socket', () => existsSync(socket) || undefined, START_TIMEOUT_MS);
  return { uri: unixUri(socket), pid: program.pid };
}
