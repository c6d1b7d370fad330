import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Cleanups } from '../system/cleanups.js';
import { Program } from '../system/program.js';
import { type NbdPeer, unixUri } from './nbd-peer.js';

const SERVER = fileURLToPath(new URL('./plain-file-server.js', import.meta.url));
const START_TIMEOUT_MS = 10_000;
/** As many threads as `retrace` gives itself. */
const THREADS = '16';

/** Retrace's own NBD server over a plain file, without a journal (plain-file-server.ts). */
export async function startPassThrough(
  image: string,
  dir: string,
  cleanups: Cleanups,
): Promise<NbdPeer> {
  const socket = join(dir, 'pass-through.sock');
  const program = new Program({
    name: 'pass-through',
    command: process.execPath,
    args: [SERVER, image, socket],
    env: { UV_THREADPOOL_SIZE: THREADS },
  });
  cleanups.add(() => program.stop());
  await program.waitUntil('the socket', () => existsSync(socket) || undefined, START_TIMEOUT_MS);
  return { uri: unixUri(socket), pid: program.pid };
}
