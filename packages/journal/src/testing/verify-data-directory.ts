import { type Clock, RetraceError } from '@retrace/core';
import { Catalog } from '../catalog/catalog.js';
import { Log } from '../log/log.js';
import type { Damage } from '../storage/damage.js';
import { openDataDirectory } from '../storage/data-directory.js';
import type { Logger } from '../storage/logger.js';
import type { Storage } from '../storage/storage.js';
import { type LogVerification, type VerifyLogOptions, verifyLog } from '../verify/verify-log.js';

export interface VerifyDataDirectoryOptions extends Omit<VerifyLogOptions, 'serverUuid'> {
  readonly storage: Storage;
  readonly clock: Clock;
  readonly logger: Logger;
}

const unique = (problems: readonly Damage[]): readonly Damage[] => {
  const seen = new Map(problems.map((problem) => [`${problem.place} ${problem.message}`, problem]));
  return [...seen.values()];
};

/**
 * Checks a data directory that no server uses. It is opened as a server would open it: what a
 * crash left is brought to an end first.
 * @throws RetraceError DATA_DIR_LOCKED, DATA_DIR_FORMAT, STORAGE_FAILED, DISK_FULL
 */
export const verifyDataDirectory = async (
  options: VerifyDataDirectoryOptions,
): Promise<LogVerification> => {
  const { storage, clock, logger } = options;
  const directory = await openDataDirectory({
    storage,
    clock,
    create: false,
    newUuid: () => {
      throw new RetraceError('INTERNAL', 'nothing is created');
    },
    prepare: () => Promise.resolve(),
  });
  try {
    const { serverUuid } = directory;
    const catalog = await Catalog.open(storage);
    try {
      const onRecords = (): void => {};
      const log = await Log.open({ storage, catalog, serverUuid, clock, logger, onRecords });
      const { problems, checked } = await verifyLog(log, { ...options, serverUuid });
      await log.close();
      const found = [...directory.problems, ...catalog.problems(), ...log.problems()];
      return { problems: unique([...found, ...problems]), checked };
    } finally {
      await catalog.close();
    }
  } finally {
    await directory.release();
  }
};
