import { readdir } from 'node:fs/promises';
import { parseVolumeRef, RetraceError, systemClock, systemErrorCode } from '@retrace/core';
import type { JsonMap } from '../client/fields.js';

/** What lies in a data directory, at least one of which a damaged one has still. */
const PARTS = ['format', 'catalog', 'log'];

/** Opening makes what is missing: a check must not. @throws RetraceError DATA_DIR_FORMAT */
const requireDataDir = async (dataDir: string): Promise<void> => {
  const names = await readdir(dataDir).catch((cause: unknown) => {
    const why = systemErrorCode(cause) ?? String(cause);
    throw new RetraceError('DATA_DIR_FORMAT', `${dataDir} cannot be read: ${why}`, { cause });
  });
  if (PARTS.some((part) => names.includes(part))) return;
  throw new RetraceError('DATA_DIR_FORMAT', `${dataDir} is no data directory of a journal server`);
};

/**
 * Checks a data directory that no server uses. It is opened as a server would open it: what a crash
 * left is brought to an end first.
 * @param volume - `MACHINE/NAME`; undefined: everything
 * @throws RetraceError DATA_DIR_LOCKED (a server runs: ask it instead), DATA_DIR_FORMAT,
 *   VOLUME_UNKNOWN
 */
export const verifyStopped = async (
  dataDir: string,
  volume: string | undefined,
  onProgress: (done: number, total: number) => void,
): Promise<JsonMap> => {
  await requireDataDir(dataDir);
  const { Journal, silentLogger } = await import('@retrace/journal');
  const journal = await Journal.open({ dataDir, clock: systemClock, logger: silentLogger });
  try {
    const volumeId =
      volume === undefined ? undefined : journal.volumeByRef(parseVolumeRef(volume)).id;
    const { ok, problems, checked } = await journal.verify({
      volumeId,
      onProgress: ({ done, total }) => onProgress(done, total),
    });
    return { ok, problems, checked };
  } finally {
    await journal.close();
  }
};
