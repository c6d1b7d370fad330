import { LIMITS, RetraceError } from '@retrace/core';

const KIB = 1024;
const MIB = 1024 * KIB;
const GIB = 1024 * MIB;

/**
 * Everything the server bounds, units at the end of the names. Bytes and counts are inclusive upper
 * bounds.
 */
export interface ServerLimits {
  /** TCP connections of the HTTP port at once, agents among them; more are dropped at once. */
  readonly connectionsMax: number;
  /** Head of a request, an upgrade's included. */
  readonly headerBytesMax: number;
  /** Body of a request. */
  readonly bodyBytesMax: number;
  /** From accept to the end of a request's head. */
  readonly headersTimeoutMs: number;
  /** From accept to the end of a request's body. */
  readonly requestTimeoutMs: number;
  /** An idle connection is kept so long. */
  readonly keepAliveTimeoutMs: number;
  /** `close` waits so long for requests under way. */
  readonly drainTimeoutMs: number;
  /** Buckets of one timeline answer. */
  readonly timelineBucketsMax: number;
  /** A bookmark request waits so long for the agent. */
  readonly bookmarkTimeoutMs: number;
  /** Bookmark requests waiting for their agents, over all groups. */
  readonly bookmarksPendingMax: number;
  /** Checks of the whole journal at once. */
  readonly verifiesMax: number;

  /** Agents connected at once, those that have yet to say hello included. */
  readonly sessionsMax: number;
  /** Of those, the ones that have not been welcomed yet. */
  readonly handshakesMax: number;
  /** From the upgrade to a whole hello. */
  readonly helloTimeoutMs: number;
  /** Bytes of a message before the welcome: one control message, its frame, one network chunk. */
  readonly helloBytesMax: number;
  /** A message that has begun to arrive must have arrived within this time. */
  readonly frameTimeoutMs: number;
  /** How often sessions are looked at and agents are pinged. */
  readonly tickMs: number;
  readonly pingIntervalMs: number;
  /** A connection over which nothing has come for so long is cut. */
  readonly silenceTimeoutMs: number;
  /** The same while others wait for the end of its message. */
  readonly turnSilenceMs: number;
  /** A peer has so long to close its side after the reason was sent. */
  readonly closeTimeoutMs: number;
  /** Acks and pings a peer has yet to read. */
  readonly sendBufferBytesMax: number;
  /** An open session without a watermark for so long raises an alarm. */
  readonly agentSilentAlarmMs: number;
  /** A group whose agent did not say goodbye and is away for so long raises an alarm. */
  readonly agentAwayAlarmMs: number;
  /** Data one agent may have sent and not yet seen acknowledged: at least one largest frame. */
  readonly sessionCreditBytes: number;
  /**
   * Data of all agents that was received and is not stored yet. Beyond it connections are not read:
   * memory stays below this plus one largest frame, plus one network chunk of each connection.
   */
  readonly ingestBytesMax: number;

  /** Alarms kept; the oldest goes first. */
  readonly alarmsMax: number;
  /** An alarm about an event (not a condition that lasts) is shown so long. */
  readonly alarmEventMs: number;
  /** Places of damage met by reads that are remembered by name. */
  readonly damagesMax: number;
  /** Volumes with metrics of their own; the rest is only counted. */
  readonly metricsVolumesMax: number;
  /** A token's last use is written down at most so often. */
  readonly tokenUseWriteMs: number;
  readonly tokensMax: number;

  /** Names in one answer to LIST. */
  readonly listingsMax: number;
  /** Views open over NBD at once. */
  readonly viewsMax: number;
  /** Scratch exports open at once. */
  readonly scratchesMax: number;
  /** Blocks a scratch export holds in memory before it goes on in its file. */
  readonly scratchMemoryBytesMax: number;
  /** The same over all scratch exports. */
  readonly scratchMemoryTotalBytesMax: number;
  /** What a scratch export remembers of which blocks are where. */
  readonly scratchMapBytesMax: number;
  /** Data a scratch export may hold. */
  readonly scratchBytesMax: number;
  /** The same over all scratch exports. */
  readonly scratchTotalBytesMax: number;
}

/** The limits used where nothing else is given. */
export const SERVER_LIMITS: ServerLimits = Object.freeze({
  connectionsMax: 2048,
  headerBytesMax: 16 * KIB,
  bodyBytesMax: 64 * KIB,
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 30_000,
  keepAliveTimeoutMs: 5000,
  drainTimeoutMs: 5000,
  timelineBucketsMax: 10_000,
  bookmarkTimeoutMs: 10_000,
  bookmarksPendingMax: 256,
  verifiesMax: 1,

  sessionsMax: 1280,
  handshakesMax: 128,
  helloTimeoutMs: 5000,
  helloBytesMax: LIMITS.controlBytesMax + 68 * KIB,
  frameTimeoutMs: 120_000,
  tickMs: 1000,
  pingIntervalMs: 10_000,
  silenceTimeoutMs: 30_000,
  turnSilenceMs: 5000,
  closeTimeoutMs: 2000,
  sendBufferBytesMax: MIB,
  agentSilentAlarmMs: 15_000,
  agentAwayAlarmMs: 30_000,
  sessionCreditBytes: 64 * MIB,
  ingestBytesMax: 192 * MIB,

  alarmsMax: 200,
  alarmEventMs: 24 * 3600 * 1000,
  damagesMax: 100,
  metricsVolumesMax: 2000,
  tokenUseWriteMs: 60_000,
  tokensMax: 10_000,

  listingsMax: 10_000,
  viewsMax: 1024,
  scratchesMax: 64,
  scratchMemoryBytesMax: 32 * MIB,
  scratchMemoryTotalBytesMax: 128 * MIB,
  scratchMapBytesMax: 64 * MIB,
  scratchBytesMax: 16 * GIB,
  scratchTotalBytesMax: 64 * GIB,
});

/**
 * The defaults with some of them replaced.
 * @throws RetraceError CONFIG_INVALID for what is not a whole number of at least 1
 */
export const resolveLimits = (overrides: Partial<ServerLimits> = {}): ServerLimits => {
  const limits = { ...SERVER_LIMITS, ...overrides };
  for (const [name, value] of Object.entries(limits)) {
    if (!Number.isSafeInteger(value) || value < 1) {
      throw new RetraceError('CONFIG_INVALID', `limit ${name} must be at least 1, not ${value}`);
    }
  }
  return Object.freeze(limits);
};
