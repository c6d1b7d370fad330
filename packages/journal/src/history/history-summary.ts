import { CONSISTENCIES, GAP_REASONS, MapReader, RetraceError } from '@retrace/core';
import type { CatalogMap } from '../catalog/catalog-codec.js';
import type { EpochRun } from './epoch-list.js';
import type { Bookmark, ClockStandstill, SeqHole, WatermarkNote } from './history-facts.js';
import type { GapCause, VolumeFacts } from './volume-history.js';

/** What a volume's history comes to. */
export interface VolumeSummary extends VolumeFacts {
  readonly volumeId: number;
}

/**
 * What a group's history comes to at a seq: all that a start needs to know of the records up to
 * there, without reading them again.
 */
export interface HistorySummary {
  readonly firstTimeUs: number;
  readonly lastSeq: number;
  readonly lastTimeUs: number;
  readonly watermark: WatermarkNote | undefined;
  readonly epochs: readonly EpochRun[];
  readonly bookmarks: readonly Bookmark[];
  readonly standstills: readonly ClockStandstill[];
  readonly holes: readonly SeqHole[];
  readonly volumes: readonly VolumeSummary[];
}

/** Kind of the catalog's entries that keep summaries; the id is the group's number. */
export const HISTORY_KIND = 'history';

const LIST_MAX = 10_000_000;
const CAUSES: readonly GapCause[] = [...GAP_REASONS, 'initial-sync', 'corruption'];

/** Infinity has no place in a map of counts: what goes on for ever is left out. */
const finite = (name: string, value: number): CatalogMap =>
  Number.isFinite(value) ? { [name]: value } : {};

export const encodeSummary = (summary: HistorySummary): CatalogMap => {
  const { watermark, volumes, ...rest } = summary;
  return {
    ...rest,
    ...(watermark === undefined ? {} : { watermark }),
    volumes: volumes.map(({ volumeId, ranges, gaps, sizes }) => ({
      volumeId,
      sizes,
      ranges: ranges.map(({ fromSeq, fromTimeUs, toSeq, toTimeUs }) => ({
        fromSeq,
        fromTimeUs,
        ...finite('toSeq', toSeq),
        ...finite('toTimeUs', toTimeUs),
      })),
      gaps: gaps.map(({ reason, afterSeq, afterTimeUs, untilSeq, untilTimeUs }) => ({
        reason,
        afterSeq,
        afterTimeUs,
        ...finite('untilSeq', untilSeq),
        ...finite('untilTimeUs', untilTimeUs),
      })),
    })),
  };
};

/** @throws RetraceError CORRUPTION */
export const decodeSummary = (id: string, value: CatalogMap): HistorySummary => {
  try {
    return readSummary(new MapReader(value, `history ${id}`));
  } catch (cause) {
    throw new RetraceError('CORRUPTION', `catalog entry "history ${id}" cannot be read`, { cause });
  }
};

const itemsOf = <T>(reader: MapReader, field: string, read: (item: MapReader) => T): T[] =>
  reader.list(field, LIST_MAX).map((_, index) => read(reader.item(field, index)));

const orInfinity = (reader: MapReader, field: string): number =>
  reader.has(field) ? reader.count(field) : Number.POSITIVE_INFINITY;

const readSummary = (reader: MapReader): HistorySummary => ({
  firstTimeUs: reader.count('firstTimeUs'),
  lastSeq: reader.count('lastSeq'),
  lastTimeUs: reader.count('lastTimeUs'),
  watermark: reader.has('watermark') ? readWatermark(reader.map('watermark')) : undefined,
  epochs: itemsOf(reader, 'epochs', readEpoch),
  bookmarks: itemsOf(reader, 'bookmarks', (item) => ({
    name: item.text('name'),
    seq: item.count('seq'),
    timeUs: item.count('timeUs'),
    consistency: item.oneOf('consistency', CONSISTENCIES),
  })),
  standstills: itemsOf(reader, 'standstills', (item) => ({
    seq: item.count('seq'),
    wallUs: item.count('wallUs'),
    heldAtUs: item.count('heldAtUs'),
  })),
  holes: itemsOf(reader, 'holes', (item) => ({
    fromSeq: item.count('fromSeq'),
    toSeq: item.count('toSeq'),
  })),
  volumes: itemsOf(reader, 'volumes', readVolume),
});

const readWatermark = (reader: MapReader): WatermarkNote => ({
  timeUs: reader.count('timeUs'),
  seq: reader.count('seq'),
  arrivalUs: reader.count('arrivalUs'),
});

const readEpoch = (reader: MapReader): EpochRun => ({
  epoch: reader.count('epoch'),
  firstSeq: reader.count('firstSeq'),
  firstN: reader.count('firstN'),
  startTimeUs: reader.count('startTimeUs'),
  lastSeq: reader.count('lastSeq'),
  lastTimeUs: reader.count('lastTimeUs'),
  completeToUs: reader.count('completeToUs'),
  cleanStop: reader.flag('cleanStop'),
  served: reader.flag('served'),
});

const readVolume = (reader: MapReader): VolumeSummary => ({
  volumeId: reader.count('volumeId'),
  ranges: itemsOf(reader, 'ranges', (item) => ({
    fromSeq: item.count('fromSeq'),
    fromTimeUs: item.count('fromTimeUs'),
    toSeq: orInfinity(item, 'toSeq'),
    toTimeUs: orInfinity(item, 'toTimeUs'),
  })),
  gaps: itemsOf(reader, 'gaps', (item) => ({
    reason: item.oneOf('reason', CAUSES),
    afterSeq: item.count('afterSeq'),
    afterTimeUs: item.count('afterTimeUs'),
    untilSeq: orInfinity(item, 'untilSeq'),
    untilTimeUs: orInfinity(item, 'untilTimeUs'),
  })),
  sizes: itemsOf(reader, 'sizes', (item) => ({
    seq: item.count('seq'),
    sizeBytes: item.count('sizeBytes'),
  })),
});
