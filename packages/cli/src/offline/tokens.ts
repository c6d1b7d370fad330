import { systemClock } from '@retrace/core';
import { type JsonMap, mapOf } from '../client/fields.js';

type Role = 'agent' | 'viewer' | 'operator' | 'admin';

/** The tokens of a stopped server. The data directory is locked until `close`. */
export interface OfflineTokens {
  create(role: Role, machine: string | undefined): Promise<JsonMap>;
  list(): Promise<readonly JsonMap[]>;
  revoke(id: string): Promise<void>;
  close(): Promise<void>;
}

/**
 * Opens the tokens in a data directory that no server uses; makes it where it is missing, so
 * that the first token can be there before the first start.
 * @throws RetraceError DATA_DIR_LOCKED (a server runs: ask it instead), DATA_DIR_FORMAT
 */
export const openTokens = async (dataDir: string): Promise<OfflineTokens> => {
  const { Journal, silentLogger } = await import('@retrace/journal');
  const { openTokenStore, tokenFields } = await import('@retrace/server');
  const journal = await Journal.open({ dataDir, clock: systemClock, logger: silentLogger });
  const tokens = openTokenStore(journal.metadata, systemClock);
  return {
    create: async (role, machine) => {
      const created = await tokens.create(role, machine);
      return { ...created, machine: created.machine ?? null };
    },
    list: async () => tokens.list().map((token) => mapOf(tokenFields(token)) ?? {}),
    revoke: async (id) => {
      await tokens.revoke(id);
    },
    close: () => journal.close(),
  };
};
