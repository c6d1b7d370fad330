export type { ListenAddress } from './address/listen.js';
export { formatUri, type NbdAddress, type NbdUri, parseUri } from './address/uri.js';
export { NbdClient, type NbdClientOptions, type NbdWriteOptions } from './client/client.js';
export type { NbdClientInfo } from './client/info.js';
export {
  encodeOption,
  encodeRequest,
  NbdRawClient,
  type RawOptionReply,
  type RawRequest,
} from './client/raw.js';
export { NBD_ERROR_CODES, NbdError, type NbdErrorCode, type NbdErrorOptions } from './errors.js';
export type {
  NbdConnection,
  NbdExport,
  NbdExportInfo,
  NbdExportListing,
  NbdExportProvider,
  NbdExportSupport,
  NbdExtent,
  NbdPending,
  NbdWriteZeroesOptions,
} from './export/export.js';
export { NBD_LIMITS, type NbdLimits } from './limits.js';
export {
  AllocationFlag,
  Command,
  CommandFlag,
  Errno,
  ErrorReply,
  type NbdCommandName,
  type NbdErrno,
  Option,
  OptionReply,
} from './protocol/constants.js';
export type { NbdEventListener, NbdServerEvent } from './server/events.js';
export { type NbdListenOptions, NbdServer, type NbdServerOptions } from './server/server.js';
export type { NbdServerStats } from './server/stats.js';
export { TurnQueue } from './server/turn-queue.js';
