import type {
  AgentRecord,
  Consistency,
  GroupDefinition,
  GroupId,
  InstantRequest,
  StreamPosition,
  TargetRef,
  VolumeDefinition,
  VolumeId,
  VolumeRef,
} from '@retrace/core';
import type { TokenCatalog } from './auth/token-store.js';

/**
 * What the server needs of a journal, and no more: `Journal` of @retrace/journal offers it. Tests
 * of the server bring a journal in memory that can be made slow or broken at will.
 */
export interface JournalPort {
  readonly serverUuid: string;
  readonly metadata: TokenCatalog;
  problems(): readonly JournalProblem[];
  /** Figures for metrics. */
  stats(): {
    readonly layers: number;
    readonly layerBytes: number;
    /** Since the start; undefined where nothing is sealed. */
    readonly seal: SealFigures | undefined;
    readonly indexBytes: number;
    readonly indexExtents: number;
    readonly lastLsn: number;
  };
  groups(): readonly GroupPort[];
  /** @throws RetraceError GROUP_UNKNOWN */
  groupByName(name: string): GroupPort;
  /** @throws RetraceError VOLUME_UNKNOWN */
  volumeByRef(ref: VolumeRef): VolumePort;
  /** @throws RetraceError IDENTITY_CONFLICT */
  register(
    group: GroupDefinition,
    volumes: readonly VolumeDefinition[],
    options: { readonly takeOver: boolean },
  ): Promise<{ readonly group: GroupPort; readonly volumeIds: readonly VolumeId[] }>;
  /** @throws RetraceError INSTANT_*, GROUP_UNKNOWN, VOLUME_UNKNOWN */
  resolve(target: TargetRef, request: InstantRequest): Promise<Resolution>;
  view(volumeId: VolumeId, seq: number): ViewPort;
  timeline(
    volumeId: VolumeId,
    span: { readonly fromUs: number; readonly toUs: number; readonly bucketUs: number },
  ): Promise<Timeline>;
}

/** What sealing has done since the start. */
export interface SealFigures {
  readonly layers: number;
  readonly records: number;
  readonly logBytes: number;
  readonly layerBytes: number;
  readonly failures: number;
}

/** Stored bytes that are damaged or missing. */
export interface JournalProblem {
  readonly code: string;
  readonly message: string;
  readonly place: string;
}

/** A place in a group's history. */
export interface InstantPoint {
  readonly seq: number;
  readonly timeUs: number;
}

/** A consistency group. */
export interface GroupPort {
  readonly id: GroupId;
  readonly name: string;
  readonly uuid: string;
  readonly stream: StreamPort;
  readonly volumes: readonly VolumePort[];
  /** The newest stored record. */
  readonly latest: InstantPoint | undefined;
  /** The newest watermark whose record is stored. */
  readonly watermark: InstantPoint | undefined;
  /** The newest stored record is a clean-stop mark. */
  readonly cleanlyStopped: boolean;
  /** Records of its newest epoch were stored and are lost. */
  readonly hasLostRecords: boolean;
  readonly history: { readonly bookmarks: ReadonlyMap<string, BookmarkPoint> };
  /** @returns undefined when the group has no bookmark of that name */
  bookmark(name: string): BookmarkPoint | undefined;
}

/** A named instant. */
export interface BookmarkPoint extends InstantPoint {
  readonly name: string;
  readonly consistency: Consistency;
}

/** A protected volume. */
export interface VolumePort {
  readonly id: VolumeId;
  readonly groupId: GroupId;
  readonly uuid: string;
  readonly machine: string;
  readonly name: string;
  readonly sizeBytes: number;
  readonly blockBytes: number;
  /** Oldest and newest instant that can be had; undefined before the first copy is complete. */
  readonly horizon: InstantPoint | undefined;
  readonly latest: InstantPoint | undefined;
  /** The newest stored record leaves the volume consistent. */
  readonly consistent: boolean;
  readonly gapCount: number;
}

/** Who may append to a group. */
export interface StreamHolder {
  readonly epoch: number;
  readonly instanceId: string;
  readonly sessionId: string;
}

export interface StreamAppend {
  readonly epoch: number;
  readonly records: readonly AgentRecord[];
  readonly volumeIds: readonly VolumeId[];
}

/** The write side of one group. */
export interface StreamPort {
  readonly stored: StreamPosition;
  readonly lastTimeUs: number;
  readonly holder: StreamHolder | undefined;
  /** Durable before it resolves. @throws RetraceError EPOCH_FENCED, EPOCH_TAKEN */
  fence(holder: StreamHolder): Promise<void>;
  /** Resolves when durable. @throws RetraceError RECORD_HOLE, RECORD_CONFLICT, EPOCH_FENCED */
  append(batch: StreamAppend): Promise<void>;
  watermark(timeUs: number, position: StreamPosition): void;
}

/** What an instant resolved to. */
export interface Resolution extends InstantPoint {
  readonly groupId: GroupId;
  /** Undefined for a whole group. */
  readonly volumeId?: VolumeId | undefined;
  readonly state: Consistency;
  readonly exact: boolean;
  readonly before?: InstantPoint | undefined;
  readonly after?: InstantPoint | undefined;
  /** For a group: the volumes that are consistent there. */
  readonly volumes?: readonly VolumeId[] | undefined;
}

/** A volume at an instant, read-only. */
export interface ViewPort {
  readonly sizeBytes: number;
  readonly blockBytes: number;
  read(offset: number, target: Buffer): undefined | Promise<void>;
  extents(
    offset: number,
    length: number,
    countMax?: number,
  ): readonly ViewExtent[] | Promise<readonly ViewExtent[]>;
  close(): void;
}

export interface ViewExtent {
  readonly length: number;
  readonly hole: boolean;
  readonly zero: boolean;
}

/** What a volume did over time. */
export interface Timeline {
  readonly buckets: readonly TimelineBucket[];
  readonly bookmarks: readonly BookmarkPoint[];
  readonly gaps: readonly TimelineGap[];
}

export interface TimelineBucket {
  readonly fromUs: number;
  readonly records: number;
  readonly bytes: number;
  readonly writes: number;
  readonly flushes: number;
  readonly trims: number;
}

export interface TimelineGap {
  readonly reason: string;
  readonly fromSeq: number;
  readonly fromTimeUs: number;
  /** Undefined while the gap is open. */
  readonly toSeq: number | undefined;
  readonly toTimeUs: number | undefined;
}

/** Checks everything stored, or what one volume needs. */
export type Verify = (request: VerifyRequest) => Promise<VerifyReport>;

export interface VerifyRequest {
  readonly volumeId: VolumeId | undefined;
  readonly onProgress: (progress: VerifyProgress) => void;
  /** Aborts when nobody waits for the answer any more. */
  readonly signal: AbortSignal;
}

export interface VerifyProgress {
  readonly done: number;
  readonly total: number;
  readonly what: string;
}

export interface VerifyReport {
  readonly ok: boolean;
  readonly problems: readonly JournalProblem[];
  readonly checked: Readonly<Record<string, number>>;
}
