export { openTokenStore } from './auth/open-token-store.js';
export { type Caller, isRole, ROLES, type Role } from './auth/roles.js';
export {
  type CreatedToken,
  type TokenCatalog,
  type TokenInfo,
  TokenStore,
} from './auth/token-store.js';
export { tokenFields } from './http/routes/tokens.js';
export {
  SESSION_EVENTS,
  SESSION_STATES,
  SESSION_TABLE,
  type SessionAction,
  type SessionEvent,
  type SessionState,
} from './ingest/session-table.js';
export type { JournalPort, JournalProblem, Verify, VerifyReport } from './journal-port.js';
export { SERVER_LIMITS, type ServerLimits } from './limits.js';
export { type ListenAddress, parseHostPort, parseListenAddress } from './listen/address.js';
export { buildServer, type RetraceServer, type ServerOptions } from './server.js';
export { type StartedServer, type StartOptions, startServer } from './start-server.js';
