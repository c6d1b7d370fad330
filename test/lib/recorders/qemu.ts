import { readFileSync } from 'node:fs';
import { NbdClient } from '@retrace/nbd';
import { spawnProgram } from '../program.js';
import { makeDisk } from '../protection.js';
import { socketPath } from '../temp-dir.js';
import { waitFor } from '../wait-for.js';
import { type LogEntry, readLogWrites } from './log-writes.js';

/** QEMU's storage daemon on an empty image, with its blklogwrites filter. */
export interface RecordingQemu {
  readonly uri: string;
  /** All entries up to the newest flush. */
  entries(): LogEntry[];
}

/** Starts one; it ends with the test. */
export async function startRecordingQemu(sizeBytes: number): Promise<RecordingQemu> {
  const [disk, log, socket] = [makeDisk(sizeBytes), makeDisk(0), socketPath('qemu')];
  const program = spawnProgram({
    command: 'qemu-storage-daemon',
    args: [
      ...['--blockdev', `driver=file,node-name=d,discard=unmap,filename=${disk}`],
      ...['--blockdev', `driver=file,node-name=l,filename=${log}`],
      ...['--blockdev', 'driver=blklogwrites,node-name=w,discard=unmap,file=d,log=l'],
      ...['--nbd-server', `addr.type=unix,addr.path=${socket}`],
      ...['--export', 'type=nbd,id=e,node-name=w,name=w,writable=on'],
    ],
  });
  const uri = `nbd+unix:///w?socket=${socket}`;
  const detail = (): string => program.describe();
  await waitFor(() => NbdClient.info(uri), { what: 'qemu-storage-daemon to answer', detail });
  return { uri, entries: () => readLogWrites(readFileSync(log)) };
}
