import type { Catalog } from '../catalog/catalog.js';
import { type Damage, damage } from '../storage/damage.js';
import type { Storage } from '../storage/storage.js';
import { decodePayloadHeader, PAYLOAD_HEADER_BYTES } from './payload-header.js';
import type { PayloadReader } from './payload-reader.js';
import { LOG_DIRECTORY, parseSegmentName, payloadPath, segmentDirectory } from './segment-paths.js';
import { catalogSegments, type SegmentRecord } from './segment-table.js';

export interface ListSegmentsOptions {
  readonly storage: Storage;
  readonly catalog: Catalog;
  readonly payloads: PayloadReader;
  readonly serverUuid: string;
}

export interface SegmentList {
  /** The chain, in order. */
  readonly segments: readonly SegmentRecord[];
  /** Directories of segments that were opened ahead and never used: nothing is in them. */
  readonly unused: readonly number[];
  /** Above every number there ever was. */
  readonly nextSegment: number;
  readonly problems: readonly Damage[];
}

/**
 * The segments there are, by the catalog and by their directories. One that the catalog does not
 * know but that holds records is not thrown away: the catalog has lost its end, then.
 */
export const listSegments = async (options: ListSegmentsOptions): Promise<SegmentList> => {
  const { storage, catalog } = options;
  const { records, problems } = catalogSegments(catalog);
  const names = await storage.list(LOG_DIRECTORY);
  const numbers = names.map(parseSegmentName).filter((number) => number !== undefined);
  const segments = [...records.values()];
  const unused: number[] = [];
  for (const segment of numbers) {
    if (records.has(segment)) continue;
    const found = await unknownSegment(segment, options);
    if (found === 'unused') unused.push(segment);
    else if (typeof found === 'string') problems.push(damage(segmentDirectory(segment), found));
    else {
      problems.push(damage(segmentDirectory(segment), 'the catalog does not know this segment'));
      segments.push(found);
    }
  }
  const present = new Set(numbers);
  for (const { segment, layer } of records.values()) {
    if (layer === undefined && !present.has(segment)) {
      problems.push(damage(segmentDirectory(segment), 'the directory is missing'));
    }
  }
  segments.sort((a, b) => a.segment - b.segment);
  const highest = Math.max(0, ...numbers, ...records.keys());
  return { segments, unused, nextSegment: highest + 1, problems };
};

const unknownSegment = async (
  segment: number,
  { payloads, serverUuid }: ListSegmentsOptions,
): Promise<SegmentRecord | string> => {
  // A segment's first commit comes after the catalog knows it, so an empty file holds nothing.
  if ((await payloads.size(segment)) === 0) return 'unused';
  const head = Buffer.from(new ArrayBuffer(PAYLOAD_HEADER_BYTES));
  try {
    await payloads.read(segment, 0, head);
  } catch (error) {
    return (error as Error).message;
  }
  const header = decodePayloadHeader(head);
  if (typeof header === 'string') return `${payloadPath(segment)}: ${header}; left alone`;
  if (header.serverUuid !== serverUuid) {
    return `it is of server ${header.serverUuid}; left alone`;
  }
  const { firstLsn, firstCommit } = header;
  return { segment, firstLsn, firstCommit, end: undefined, layer: undefined };
};
