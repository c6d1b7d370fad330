import { NbdError } from './errors.js';

const KIB = 1024;
const MIB = 1024 * KIB;

/** Longest string of the protocol (export names, descriptions, error texts), in bytes. */
export const STRING_BYTES_MAX = 4096;

/** Most extents the protocol allows in one BLOCK_STATUS reply. */
export const EXTENTS_PER_REPLY_MAX = 1 << 20;

/** Largest payload any export may offer, in bytes: what common clients are ready to take. */
export const PAYLOAD_BYTES_MAX = 64 * MIB;

/** Everything a server bounds. Bytes and counts are inclusive, times in milliseconds. */
export interface NbdLimits {
  /** Connections at once; more are closed at once. */
  readonly connectionsMax: number;
  /** Of those, the ones that have not chosen an export yet. */
  readonly handshakesMax: number;
  /** From accept to the end of GO or EXPORT_NAME. */
  readonly handshakeTimeoutMs: number;
  /** Data of one option. */
  readonly optionBytesMax: number;
  /** Options in one handshake. */
  readonly optionsMax: number;
  /** Largest READ and WRITE, unless the export says less. */
  readonly payloadBytesMax: number;
  /** A refused WRITE is skipped up to this length; a longer one ends the connection. */
  readonly discardBytesMax: number;
  /** Requests of one connection that are executing, or whose reply the peer has yet to take. */
  readonly connectionRequestsMax: number;
  /** Payload bytes of those. One request alone is always let in. */
  readonly connectionBytesMax: number;
  /** The same over all connections, but for one small request of each (256 KiB at most). */
  readonly serverRequestsMax: number;
  /** The same over all connections, but for one small request of each (256 KiB at most). */
  readonly serverBytesMax: number;
  /** Extents in one BLOCK_STATUS reply; the client asks again for the rest. */
  readonly extentsPerReplyMax: number;
  /** A request that has begun to arrive must have arrived within this time. */
  readonly frameTimeoutMs: number;
  /** A peer with replies waiting must take some within this time. */
  readonly replyTimeoutMs: number;
  /** After the last reply, how long the peer may take to close its side. */
  readonly lingerMs: number;
}

/** The limits used where nothing else is given. */
export const NBD_LIMITS: NbdLimits = Object.freeze({
  connectionsMax: 1024,
  handshakesMax: 256,
  handshakeTimeoutMs: 10_000,
  optionBytesMax: 64 * KIB,
  optionsMax: 128,
  payloadBytesMax: 32 * MIB,
  discardBytesMax: 64 * MIB,
  connectionRequestsMax: 256,
  connectionBytesMax: 64 * MIB,
  serverRequestsMax: 16_384,
  serverBytesMax: 512 * MIB,
  extentsPerReplyMax: 16_384,
  frameTimeoutMs: 60_000,
  replyTimeoutMs: 60_000,
  lingerMs: 1000,
});

const LIMITS_MAX: Partial<Record<keyof NbdLimits, number>> = {
  payloadBytesMax: PAYLOAD_BYTES_MAX,
  extentsPerReplyMax: EXTENTS_PER_REPLY_MAX,
};

/**
 * The defaults with some of them replaced.
 *
 * @throws NbdError NBD_BAD_LIMIT for what is not a whole number from 1 on, or above what the
 * protocol allows.
 */
export function resolveLimits(overrides: Partial<NbdLimits> = {}): NbdLimits {
  const limits = { ...NBD_LIMITS, ...overrides };
  for (const [name, value] of Object.entries(limits)) {
    const most = LIMITS_MAX[name as keyof NbdLimits] ?? Number.MAX_SAFE_INTEGER;
    if (!Number.isSafeInteger(value) || value < 1 || value > most) {
      throw new NbdError('NBD_BAD_LIMIT', `${name} must be 1 to ${most}, not ${value}`);
    }
  }
  return Object.freeze(limits);
}
