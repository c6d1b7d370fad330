/** The harness of the end-to-end suites. Whatever it makes, it takes away again. */
export { type AgentOptions, type RunningAgent, startAgent, type VolumeOptions } from './agent.js';
export { type AttachedLoop, attachLoop } from './attach-loop.js';
export { type AttachedNbd, type AttachOptions, attachNbd } from './attach-nbd.js';
export { atEnd } from './cleanup.js';
export { e2fsck, type FilesystemCheck } from './e2fsck.js';
export type { JsonEvent } from './events.js';
export { digest, digestExport, firstDifference, readAll, readExport } from './export-bytes.js';
export {
  gapReasons,
  groupStatus,
  type Place,
  type Resolved,
  resolveInstant,
  resolveRefusal,
  serverStatus,
  timeline,
  waitStored,
} from './history.js';
export { ApiError, type ApiTarget, apiGet, apiPost } from './http-api.js';
export { isMountPoint, type MountedNbd, type MountOptions, mountNbd } from './mount-nbd.js';
export { type Exit, Program, type ProgramOptions, spawnProgram } from './program.js';
export {
  type DiskOptions,
  makeDisk,
  type Protection,
  type ProtectionOptions,
  protect,
  restartServer,
} from './protection.js';
export { describeWith, requireDebian } from './require-debian.js';
export { type RetraceOptions, type RetraceResult, retrace, retraceProgram } from './retrace.js';
export { type RunOptions, type RunResult, run } from './run.js';
export { SeededRandom, seededRandom } from './seeded-random.js';
export {
  createToken,
  exportUri,
  type RunningServer,
  type ServerOptions,
  startServer,
  type TokenOptions,
} from './server.js';
export { IS_SOAK, repetitions } from './soak.js';
export { type ProxyTarget, startTcpProxy, TcpProxy } from './tcp-proxy.js';
export { socketPath, tempDir } from './temp-dir.js';
export { type WaitOptions, waitFor, withTimeout } from './wait-for.js';
