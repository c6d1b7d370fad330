import { LIMITS, RetraceError } from '@retrace/core';

const KIB = 1024;
const MIB = 1024 * KIB;

/** Everything the agent bounds; units at the end of the names, all bounds inclusive. */
export interface AgentLimits {
  /** Memory the queue may hold on to, bookkeeping included. One request alone is always let in. */
  readonly queueBytesMax: number;
  readonly queueRecordsMax: number;
  /** Memory kept for the next payloads, beside the queue, and as much for the next frames. */
  readonly idleBufferBytesMax: number;
  /** How long a guest's request waits for room before the queue is given up. */
  readonly roomWaitMsMax: number;
  /** How long a flush (or, in mode `sync`, a write) waits for the journal. */
  readonly durabilityWaitMsMax: number;
  /** The backlog counts as empty when its oldest record is no older than this. */
  readonly backlogAgeMsMax: number;
  /** One data frame; a larger record goes alone. */
  readonly frameBytesMax: number;
  readonly frameRecordsMax: number;
  /** How long records nobody waits for may be gathered into one frame. */
  readonly frameLingerMs: number;
  /** Unsent bytes that end the gathering. */
  readonly frameEagerBytes: number;
  /** Bytes handed to the socket that it has yet to send. */
  readonly socketBufferBytesMax: number;
  readonly connectTimeoutMs: number;
  /** Between two pings. */
  readonly heartbeatMs: number;
  /** A connection that was silent for this long is dead. */
  readonly silenceMsMax: number;
  readonly backoffMsMin: number;
  readonly backoffMsMax: number;
  /** Watermarks are sent this often, also when idle. */
  readonly watermarkMs: number;
  /** And no more often than this when the queue drains. */
  readonly watermarkMsMin: number;
  readonly reportMs: number;
  /** Requests of this size and more go through the thread pool, smaller ones are synchronous. */
  readonly pooledIoBytesMin: number;
  /** A synchronous write slower than this shows that the disk is throttled... */
  readonly slowWriteMs: number;
  /** ...and sends the writes of this long through the thread pool. */
  readonly slowDiskMs: number;
  /** One read of a full copy, one record. */
  readonly copyChunkBytes: number;
  /** The most that is locked at once where a copy meets zeros only. */
  readonly copyRegionBytesMax: number;
  /** A hole in one record of a full copy. */
  readonly copyHoleBytesMax: number;
  /** Before a copy that failed is tried again. */
  readonly copyRetryMs: number;
  /** One piece of a long trim or zeroing: the piece grows and shrinks between these. */
  readonly zeroPieceBytesMin: number;
  readonly zeroPieceBytesMax: number;
  /** What one piece may take. */
  readonly zeroPieceMs: number;
  /** How often what was acknowledged is written down. */
  readonly stateSaveMs: number;
  /** Errors of the same session that resending cannot mend, before a new epoch is begun. */
  readonly sessionFailuresMax: number;
}

export const AGENT_LIMITS: AgentLimits = Object.freeze({
  queueBytesMax: 64 * MIB,
  queueRecordsMax: 262_144,
  idleBufferBytesMax: 8 * MIB,
  roomWaitMsMax: 5000,
  durabilityWaitMsMax: 2000,
  backlogAgeMsMax: 100,
  frameBytesMax: MIB,
  frameRecordsMax: 1024,
  frameLingerMs: 8,
  frameEagerBytes: 256 * KIB,
  socketBufferBytesMax: 4 * MIB,
  connectTimeoutMs: 10_000,
  heartbeatMs: 5000,
  silenceMsMax: 15_000,
  backoffMsMin: 100,
  backoffMsMax: 5000,
  watermarkMs: 1000,
  watermarkMsMin: 20,
  reportMs: 5000,
  pooledIoBytesMin: 64 * KIB,
  slowWriteMs: 10,
  slowDiskMs: 1000,
  copyChunkBytes: 512 * KIB,
  copyRegionBytesMax: 8 * MIB,
  copyHoleBytesMax: 2 ** 40,
  copyRetryMs: 30_000,
  zeroPieceBytesMin: 4 * MIB,
  zeroPieceBytesMax: 2 ** 30,
  zeroPieceMs: 10,
  stateSaveMs: 5000,
  sessionFailuresMax: 3,
});

const MAX: Partial<Record<keyof AgentLimits, number>> = {
  frameRecordsMax: LIMITS.frameRecordsMax,
  frameBytesMax: LIMITS.frameBytesMax,
  copyChunkBytes: LIMITS.recordPayloadBytesMax,
};

/**
 * The defaults with some of them replaced.
 * @throws RetraceError CONFIG_INVALID for what is no whole number from 1 on, or over its bound
 */
export const resolveLimits = (overrides: Partial<AgentLimits> = {}): AgentLimits => {
  const limits = { ...AGENT_LIMITS, ...overrides };
  for (const [name, value] of Object.entries(limits) as [keyof AgentLimits, number][]) {
    const most = MAX[name] ?? LIMITS.integerMax;
    if (!Number.isSafeInteger(value) || value < 1 || value > most) {
      throw new RetraceError('CONFIG_INVALID', `limit ${name} must be 1 to ${most}, not ${value}`);
    }
  }
  return Object.freeze(limits);
};
