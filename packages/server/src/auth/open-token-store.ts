import type { Clock } from '@retrace/core';
import { SERVER_LIMITS } from '../limits.js';
import { type TokenCatalog, TokenStore } from './token-store.js';

/**
 * The tokens of a data directory whose server is not running: `retrace token ... --data DIR` opens
 * the journal and works on its metadata.
 */
export const openTokenStore = (catalog: TokenCatalog, clock: Clock): TokenStore =>
  new TokenStore({
    catalog,
    clock,
    useWriteMs: SERVER_LIMITS.tokenUseWriteMs,
    tokensMax: SERVER_LIMITS.tokensMax,
  });
