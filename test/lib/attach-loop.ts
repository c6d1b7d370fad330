import { atEnd } from './cleanup.js';
import { run } from './run.js';
import { waitFor } from './wait-for.js';

/** A file that is a block device here. */
export interface AttachedLoop {
  /** Such as `/dev/loop0`. */
  readonly device: string;
  /** Takes it away and waits until the kernel has let go; doing it twice is no error. */
  detach(): Promise<void>;
}

/** Makes a file a block device. Tests run side by side: the device found may be taken already. */
export async function attachLoop(
  file: string,
  { readOnly = false }: { readonly readOnly?: boolean } = {},
): Promise<AttachedLoop> {
  const flags = ['--find', '--show', ...(readOnly ? ['--read-only'] : [])];
  const { stdout } = await waitFor(() => run('losetup', [...flags, file]), {
    what: `a loop device for ${file}`,
  });
  const device = stdout.trim();
  let isDetached = false;
  const detach = async (): Promise<void> => {
    // The name may be somebody else's by now.
    if (isDetached) return;
    await run('losetup', ['--detach', device]);
    isDetached = true;
    await waitFor(async () => !(await isBackedBy(device, file)), { what: `${device} to be free` });
  };
  atEnd(detach);
  return { device, detach };
}

async function isBackedBy(device: string, file: string): Promise<boolean> {
  const { stdout } = await run('losetup', ['--noheadings', '--output', 'BACK-FILE', device], {
    accept: 'any',
  });
  return stdout.trim() === file;
}
