import { type ErrorCode, isErrorCode } from '../errors/error-codes.js';
import { checkName } from '../ids/names.js';
import { decodeControl } from './control-frame.js';
import type { StreamPosition } from './protocol.js';

/** Answer to a hello that was accepted. */
export interface Welcome {
  readonly type: 'welcome';
  readonly protocol: number;
  readonly serverUuid: string;
  /** The last stored position of this group; (0, 0) when none. */
  readonly stored: StreamPosition;
  /** Time of the last stored record; the agent gives out none before it. 0 when none. */
  readonly lastTimeUs: number;
  /** Bytes of data frames that may be sent and not yet acknowledged. */
  readonly creditBytes: number;
  /** The server has less than `hello.acknowledged`: begin a new epoch and copy every volume. */
  readonly acknowledgedLoss: boolean;
}

/** Everything up to (epoch, n) is on stable storage. */
export interface Ack extends StreamPosition {
  readonly type: 'ack';
  /** Bytes of data frames, as sent, that this ack frees. */
  readonly releasedBytes: number;
}

/** Asks the agent to put a bookmark into its record stream now. */
export interface BookmarkRequest {
  readonly type: 'bookmark-request';
  readonly request: number;
  readonly name: string;
}

/** The session is over; the connection closes right after. */
export interface SessionError {
  readonly type: 'error';
  readonly code: ErrorCode;
  readonly message: string;
  /** With EPOCH_FENCED and EPOCH_TAKEN: the epoch that holds the group; else 0. */
  readonly epoch: number;
}

export type ServerMessage = Welcome | Ack | BookmarkRequest | SessionError;

const TYPES = ['welcome', 'ack', 'bookmark-request', 'error'] as const;

/**
 * Decodes and checks a message of the server.
 * @throws RetraceError FRAME_INVALID, FRAME_TOO_LARGE, NAME_INVALID
 */
export const decodeServerMessage = (bytes: Buffer): ServerMessage => {
  const reader = decodeControl(bytes);
  const type = reader.oneOf('type', TYPES);
  switch (type) {
    case 'welcome': {
      const stored = reader.map('stored');
      return {
        type,
        protocol: reader.count('protocol'),
        serverUuid: reader.text('serverUuid', 64),
        stored: { epoch: stored.count('epoch'), n: stored.count('n') },
        lastTimeUs: reader.count('lastTimeUs'),
        creditBytes: reader.count('creditBytes'),
        acknowledgedLoss: reader.flag('acknowledgedLoss'),
      };
    }
    case 'ack':
      return {
        type,
        epoch: reader.count('epoch'),
        n: reader.count('n'),
        releasedBytes: reader.count('releasedBytes'),
      };
    case 'bookmark-request':
      return {
        type,
        request: reader.count('request'),
        name: checkName(reader.text('name'), 'bookmark name'),
      };
    case 'error': {
      const code = reader.text('code');
      return {
        type,
        code: isErrorCode(code) ? code : 'INTERNAL',
        message: reader.text('message'),
        epoch: reader.count('epoch'),
      };
    }
  }
};
