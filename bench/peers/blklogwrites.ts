import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Cleanups } from '../system/cleanups.js';
import { Program } from '../system/program.js';
import { type NbdPeer, unixUri } from './nbd-peer.js';

const START_TIMEOUT_MS = 10_000;

/** QEMU's storage daemon over a plain file, every write logged to a second one. */
export async function startBlklogwrites(
  image: string,
  dir: string,
  cleanups: Cleanups,
): Promise<NbdPeer> {
  const socket = join(dir, 'qemu.sock');
  const log = join(dir, 'writes.log');
  writeFileSync(log, '');
  const program = new Program({
    name: 'qemu-storage-daemon',
    command: 'qemu-storage-daemon',
    args: [
      '--blockdev',
      `driver=file,node-name=disk,filename=${image}`,
      '--blockdev',
      `driver=file,node-name=log,filename=${log}`,
      '--blockdev',
      'driver=blklogwrites,node-name=logged,file=disk,log=log',
      '--nbd-server',
      `addr.type=unix,addr.path=${socket}`,
      '--export',
      'type=nbd,id=export,node-name=logged,name=disk,writable=on',
    ],
  });
  cleanups.add(() => program.stop());
  await program.waitUntil('the socket', () => existsSync(socket) || undefined, START_TIMEOUT_MS);
  return { uri: unixUri(socket, 'disk'), pid: program.pid };
}
