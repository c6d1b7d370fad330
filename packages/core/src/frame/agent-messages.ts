import { LIMITS } from '../limits.js';
import {
  type GroupDefinition,
  readGroupDefinition,
  readVolumeDefinition,
  type VolumeDefinition,
} from '../record/define.js';
import type { MapReader } from '../record/map-reader.js';
import { DURABILITIES, type Durability } from '../record/mark.js';
import { decodeControl } from './control-frame.js';
import type { StreamPosition } from './protocol.js';

/** States of a volume (docs/protocol.md). `spooling`, `bitmap`, `resync` come with later agents. */
export const VOLUME_STATES = [
  'initial-sync',
  'protected',
  'spooling',
  'bitmap',
  'resync',
  'resync-needed',
] as const;

export type VolumeState = (typeof VOLUME_STATES)[number];

/** First message of a session. `volumes` gives the indexes that data frames use. */
export interface Hello {
  readonly type: 'hello';
  readonly protocolMin: number;
  readonly protocolMax: number;
  readonly software: string;
  readonly group: GroupDefinition;
  /** Random, kept in the agent's state folder as long as its state is continuous. */
  readonly sessionId: string;
  /** Random, new with every start of the agent. */
  readonly instanceId: string;
  /** The epoch of the first record this session will send that is not stored yet. */
  readonly epoch: number;
  readonly volumes: readonly VolumeDefinition[];
  /** The highest position this agent was ever acknowledged; (0, 0) when none. */
  readonly acknowledged: StreamPosition;
  /** Raise the fence over whoever held the group (`--take-over`). */
  readonly takeOver: boolean;
}

/** Everything the agent did up to `timeUs` is recorded up to (epoch, n). At least every second. */
export interface Watermark extends StreamPosition {
  readonly type: 'watermark';
  readonly timeUs: number;
}

/** What one volume looks like from the agent; for `status` and metrics only. */
export interface VolumeReport {
  readonly name: string;
  readonly state: VolumeState;
  readonly reason: string;
  readonly durability: Durability;
  readonly durabilityInForce: Durability;
  /** Bytes of the running copy: done, and to do in all; both 0 when none runs. */
  readonly copiedBytes: number;
  readonly copyTotalBytes: number;
}

/** Sent at each change and at least every five seconds. */
export interface AgentReport {
  readonly type: 'report';
  readonly volumes: readonly VolumeReport[];
  readonly queuedBytes: number;
  readonly queuedRecords: number;
}

/** Answer to a bookmark request: the mark is record (epoch, n), or why there is none. */
export interface BookmarkDone extends StreamPosition {
  readonly type: 'bookmark-done';
  readonly request: number;
  readonly timeUs: number;
  readonly error: string;
}

/** The agent ends the session on purpose. */
export interface Goodbye {
  readonly type: 'goodbye';
  readonly reason: string;
}

export type AgentMessage = Hello | Watermark | AgentReport | BookmarkDone | Goodbye;

const TYPES = ['hello', 'watermark', 'report', 'bookmark-done', 'goodbye'] as const;

const readPosition = (reader: MapReader): StreamPosition => ({
  epoch: reader.count('epoch'),
  n: reader.count('n'),
});

const readHello = (reader: MapReader): Hello => ({
  type: 'hello',
  protocolMin: reader.count('protocolMin'),
  protocolMax: reader.count('protocolMax'),
  software: reader.text('software'),
  group: readGroupDefinition(reader.map('group')),
  sessionId: reader.text('sessionId', 64),
  instanceId: reader.text('instanceId', 64),
  epoch: reader.count('epoch'),
  volumes: reader
    .list('volumes', LIMITS.volumesPerGroupMax)
    .map((_, index) => readVolumeDefinition(reader.item('volumes', index))),
  acknowledged: readPosition(reader.map('acknowledged')),
  takeOver: reader.flag('takeOver'),
});

const readReport = (reader: MapReader): AgentReport => ({
  type: 'report',
  volumes: reader.list('volumes', LIMITS.volumesPerGroupMax).map((_, index) => {
    const volume = reader.item('volumes', index);
    return {
      name: volume.text('name'),
      state: volume.oneOf('state', VOLUME_STATES),
      reason: volume.text('reason'),
      durability: volume.oneOf('durability', DURABILITIES),
      durabilityInForce: volume.oneOf('durabilityInForce', DURABILITIES),
      copiedBytes: volume.count('copiedBytes'),
      copyTotalBytes: volume.count('copyTotalBytes'),
    };
  }),
  queuedBytes: reader.count('queuedBytes'),
  queuedRecords: reader.count('queuedRecords'),
});

/**
 * Decodes and checks a message of an agent.
 * @throws RetraceError FRAME_INVALID, FRAME_TOO_LARGE, NAME_INVALID
 */
export const decodeAgentMessage = (bytes: Buffer): AgentMessage => {
  const reader = decodeControl(bytes);
  const type = reader.oneOf('type', TYPES);
  switch (type) {
    case 'hello':
      return readHello(reader);
    case 'watermark':
      return { type, timeUs: reader.count('timeUs'), ...readPosition(reader) };
    case 'report':
      return readReport(reader);
    case 'bookmark-done':
      return {
        type,
        request: reader.count('request'),
        timeUs: reader.count('timeUs'),
        error: reader.text('error'),
        ...readPosition(reader),
      };
    case 'goodbye':
      return { type, reason: reader.text('reason') };
  }
};
