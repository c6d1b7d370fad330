/** What the bench reads from `GET /v1/status`, of the one group there is. */
export interface GroupState {
  /** The newest stored record; 0 when there is none. */
  readonly seq: number;
  /** Its time, by the agent's clock. */
  readonly timeUs: number;
  readonly queuedBytes: number;
  /** State of the first volume. */
  readonly volumeState: string;
  readonly gaps: number;
}

type Json = Readonly<Record<string, unknown>>;

const isMap = (value: unknown): value is Json => typeof value === 'object' && value !== null;
const firstOf = (value: unknown): unknown => (Array.isArray(value) ? value[0] : undefined);
const numberOf = (map: unknown, field: string): number => {
  const value = isMap(map) ? map[field] : undefined;
  return typeof value === 'number' ? value : 0;
};

/** Asks a server for the state of its first group; undefined while it knows none. */
export async function readState(http: string): Promise<GroupState | undefined> {
  const answer = await fetch(`${http}/v1/status`);
  if (!answer.ok) throw new Error(`status: ${answer.status} ${await answer.text()}`);
  const status: unknown = await answer.json();
  const group = isMap(status) ? firstOf(status.groups) : undefined;
  if (!isMap(group)) return undefined;
  const volume = firstOf(group.volumes);
  return {
    seq: numberOf(group.latest, 'seq'),
    timeUs: numberOf(group.latest, 'timeUs'),
    queuedBytes: numberOf(group, 'queuedBytes'),
    volumeState: isMap(volume) ? String(volume.state) : 'none',
    gaps: numberOf(volume, 'gaps'),
  };
}
