import { ApiError, type ApiTarget, apiGet } from './http-api.js';
import { waitFor } from './wait-for.js';

/** A place in a group's history. */
export interface Place {
  readonly seq: number;
  readonly timeUs: number;
}

/** What `resolve` says of an instant. */
export interface Resolved extends Place {
  readonly time: string;
  readonly state: string;
  readonly exact: boolean;
  readonly name: string;
  readonly volumes?: readonly unknown[];
}

/** What `status` says of one volume. */
export interface VolumeStatus {
  readonly volume: string;
  readonly state: string;
  readonly reason: string;
  readonly sizeBytes: number;
  readonly durability: string;
  readonly durabilityInForce: string;
  readonly horizon: Place | null;
  readonly latest: Place | null;
  readonly rpoMs: number | null;
}

/** What `status` says of one group. */
export interface GroupStatus {
  readonly name: string;
  readonly epoch: number;
  readonly agent: { readonly connected: boolean };
  readonly latest: Place | null;
  readonly watermark: Place | null;
  readonly queuedBytes: number;
  readonly volumes: readonly VolumeStatus[];
}

/** What `status` says. */
export interface ServerStatus {
  readonly server: {
    readonly uuid: string;
    readonly tokensRequired: boolean;
    readonly problems: readonly { readonly code: string; readonly place: string }[];
  };
  readonly groups: readonly GroupStatus[];
  readonly alarms: readonly { readonly code: string; readonly message: string }[];
}

/** Records of a span, and gaps. */
export interface TimelineAnswer {
  readonly buckets: readonly {
    readonly timeUs: number;
    readonly records: number;
    readonly bytes: number;
    readonly writes: number;
    readonly flushes: number;
    readonly trims: number;
  }[];
  readonly bookmarks: readonly (Place & { readonly name: string })[];
  readonly gaps: readonly {
    readonly reason: string;
    readonly fromSeq: number;
    readonly fromTimeUs: number;
    readonly toSeq: number | null;
    readonly toTimeUs: number | null;
  }[];
}

/** Resolves `VOLUME@INSTANT` or `GROUP@INSTANT`. @throws ApiError with the reason */
export function resolveInstant(server: ApiTarget, target: string): Promise<Resolved> {
  return apiGet<Resolved>(server, '/v1/resolve', { target });
}

/** Why an instant cannot be had. @throws Error when it can */
export async function resolveRefusal(server: ApiTarget, target: string): Promise<ApiError> {
  try {
    const { name } = await resolveInstant(server, target);
    throw new Error(`${target} was to be refused, and is ${name}`);
  } catch (error) {
    if (error instanceof ApiError) return error;
    throw error;
  }
}

export function serverStatus(server: ApiTarget): Promise<ServerStatus> {
  return apiGet<ServerStatus>(server, '/v1/status');
}

/** @throws Error when the server does not know the group */
export async function groupStatus(server: ApiTarget, name: string): Promise<GroupStatus> {
  const { groups } = await serverStatus(server);
  const group = groups.find((candidate) => candidate.name === name);
  if (group === undefined) throw new Error(`the server knows no group ${name}`);
  return group;
}

/** A volume's whole timeline unless a span is given. */
export function timeline(
  server: ApiTarget,
  volume: string,
  span: Readonly<Record<string, string>> = {},
): Promise<TimelineAnswer> {
  return apiGet<TimelineAnswer>(server, '/v1/timeline', { volume, ...span });
}

/** Why a volume had no consistent instants, each time after its first copy was complete. */
export async function gapReasons(server: ApiTarget, volume: string): Promise<string[]> {
  const { gaps } = await timeline(server, volume);
  return gaps.filter(({ fromSeq }) => fromSeq > 0).map(({ reason }) => reason);
}

/** Waits until every record up to this time is stored, so that instants up to it can be had. */
export function waitStored(
  server: ApiTarget,
  group: string,
  timeUs: number,
  timeoutMs = 20_000,
): Promise<GroupStatus> {
  return waitFor(
    async () => {
      const status = await groupStatus(server, group);
      return (status.watermark?.timeUs ?? 0) >= timeUs ? status : undefined;
    },
    { what: `all of ${group} up to ${timeUs} stored`, timeoutMs },
  );
}
