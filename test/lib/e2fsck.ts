import { run } from './run.js';

/** What e2fsck says of a filesystem. */
export interface FilesystemCheck {
  readonly isClean: boolean;
  /** Exit status of the check proper. */
  readonly exit: number;
  readonly output: string;
}

/** Status 1: errors were corrected. Replaying the journal may say so. */
const REPLAYED = [0, 1];

/**
 * Checks an ext4 filesystem as a machine would find it after a power cut: replays its journal (this
 * writes to the image), then looks at all of it. The exit status alone decides: after a replay it
 * may print free counts that are off, which is in order.
 */
export async function e2fsck(image: string, timeoutMs = 120_000): Promise<FilesystemCheck> {
  const replay = await run('e2fsck', ['-E', 'journal_only', '-y', image], {
    accept: 'any',
    timeoutMs,
  });
  const check = await run('e2fsck', ['-fn', image], { accept: 'any', timeoutMs });
  const output = [replay, check].map(({ stdout, stderr }) => `${stdout}${stderr}`).join('\n');
  const isClean = REPLAYED.includes(replay.exit) && check.exit === 0;
  return { isClean, exit: check.exit, output };
}
