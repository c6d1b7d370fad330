/** Versions of the session protocol (docs/protocol.md) this code speaks, both bounds inclusive. */
export const PROTOCOL_VERSION_MIN = 1;
export const PROTOCOL_VERSION_MAX = 1;

/** Where an agent's WebSocket attaches to the journal server. */
export const AGENT_SOCKET_PATH = '/v1/agent';

/** The newest version both sides speak, undefined when there is none. */
export const commonProtocolVersion = (min: number, max: number): number | undefined => {
  const version = Math.min(max, PROTOCOL_VERSION_MAX);
  return version >= Math.max(min, PROTOCOL_VERSION_MIN) ? version : undefined;
};

/** A place in an agent's record stream. */
export interface StreamPosition {
  readonly epoch: number;
  readonly n: number;
}

/** Orders stream positions: negative when `a` comes first. */
export const comparePositions = (a: StreamPosition, b: StreamPosition): number =>
  a.epoch - b.epoch || a.n - b.n;

/** Before the first record of all. */
export const STREAM_START: StreamPosition = { epoch: 0, n: 0 };
