import type { Journal } from '@retrace/journal';
import type { Verify } from './journal-port.js';

/** Checks of an open journal, as the HTTP API offers them. */
export const verifyWith =
  (journal: Journal): Verify =>
  async ({ volumeId, onProgress, signal }) =>
    await journal.verify({ volumeId, onProgress, signal });
