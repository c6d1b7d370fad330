import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { atEnd } from '../cleanup.js';
import { makeDisk } from '../protection.js';
import { run } from '../run.js';
import { tempDir } from '../temp-dir.js';
import { waitFor } from '../wait-for.js';

/** Debian's nbd-server on an empty image, with a log of every request and its data. */
export interface RecordingNbdServer {
  readonly uri: string;
  /** The image that results from replaying the log as it is now, with nbd-trplay. */
  replay(): Promise<Buffer>;
}

/** Starts one; it ends with the test. */
export async function startRecordingNbdServer(sizeBytes: number): Promise<RecordingNbdServer> {
  const folder = tempDir();
  const [socket, log, pidFile, config] = ['s.sock', 'log', 'pid', 'conf'].map((name) =>
    join(folder, name),
  ) as [string, string, string, string];
  writeFileSync(
    config,
    `[generic]
user = root
group = root
listenaddr = 127.0.0.1
port = ${await freePort()}
unixsock = ${socket}
[disk]
exportname = ${makeDisk(sizeBytes)}
transactionlog = ${log}
datalog = true
flush = true
fua = true
trim = true
`,
  );
  // It goes into the background by itself, and says so in its pid file.
  await run('nbd-server', ['-C', config, '-p', pidFile]);
  const pid = await waitFor(() => Number(readFileSync(pidFile, 'utf8').trim()) || undefined, {
    what: 'nbd-server',
  });
  atEnd(() => {
    process.kill(pid, 'SIGTERM');
  });
  const uri = `nbd+unix:///disk?socket=${socket}`;
  await waitFor(() => run('nbdinfo', ['--size', uri]), { what: 'nbd-server to answer' });
  return {
    uri,
    replay: async () => {
      const [image, now] = [makeDisk(sizeBytes), join(folder, 'log-now')];
      copyFileSync(log, now);
      await run('nbd-trplay', ['-i', image, '-l', now]);
      return readFileSync(image);
    },
  };
}

/** It knows no port 0. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  await new Promise((resolve) => {
    server.close(resolve);
  });
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}
