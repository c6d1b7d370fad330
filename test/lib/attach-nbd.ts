import { statSync } from 'node:fs';
import { join } from 'node:path';
import { atEnd } from './cleanup.js';
import { spawnProgram } from './program.js';
import { run } from './run.js';
import { tempDir } from './temp-dir.js';
import { waitFor, withTimeout } from './wait-for.js';

/** How to attach. */
export interface AttachOptions {
  readonly readOnly?: boolean;
  /** Connections nbdfuse opens, where the server offers several. Default: its own, 4. */
  readonly connections?: number;
}

/** An NBD export that is a plain file here. */
export interface AttachedNbd {
  readonly file: string;
  /** Takes it away, whether or not the server still answers; doing it twice is no error. */
  detach(): Promise<void>;
  /** Kills nbdfuse: whatever waits for the export in the kernel fails at once. */
  sever(): Promise<void>;
}

/** Shows an NBD export as a file, with nbdfuse; needs no nbd module in the kernel. */
export async function attachNbd(uri: string, options: AttachOptions = {}): Promise<AttachedNbd> {
  const folder = tempDir();
  const file = join(folder, 'nbd');
  const folderDevice = statSync(folder).dev;
  const flags = [
    ...(options.readOnly === true ? ['-r'] : []),
    ...(options.connections === undefined ? [] : ['-C', String(options.connections)]),
  ];
  const program = spawnProgram({ command: 'nbdfuse', args: [...flags, file, uri] });
  let isDetached = false;
  const detach = async (): Promise<void> => {
    if (isDetached) return;
    isDetached = true;
    if (isMounted(folder, folderDevice))
      await run('fusermount3', ['-u', folder], { accept: 'any' });
    const what = 'nbdfuse to end';
    await withTimeout(program.exited, { what }).catch(() => program.kill());
    // What a killed nbdfuse leaves is a mount that answers nothing.
    if (isMounted(folder, folderDevice)) await run('fusermount3', ['-u', '-z', folder]);
  };
  atEnd(detach);
  await waitFor(() => isReady(file, program.exit !== undefined), {
    what: `nbdfuse to show ${uri}`,
    detail: () => program.describe(),
  });
  if (program.exit !== undefined) throw new Error(program.describe());
  const sever = async (): Promise<void> => {
    await program.kill();
  };
  return { file, detach, sever };
}

/** True also when it has ended: there is nothing to wait for then. */
function isReady(file: string, hasEnded: boolean): boolean {
  return hasEnded || statSync(file, { throwIfNoEntry: false }) !== undefined;
}

function isMounted(folder: string, folderDevice: number): boolean {
  try {
    return statSync(folder).dev !== folderDevice;
  } catch {
    // ENOTCONN: mounted, and nobody answers.
    return true;
  }
}
