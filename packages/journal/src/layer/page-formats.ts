import type { PageFormat } from './page-set.js';
import { PART } from './part.js';
import { decodeRecordPage, type RecordPage } from './record-page.js';
import { decodeRowPage, type RowPage } from './row-page.js';
import { decodeRegionPage, type VersionPage } from './version-page.js';

const VERSIONS = {
  keyColumns: 2,
  items: ({ count }: VersionPage): number => count,
  firstKey: ({ keys, seqs }: VersionPage): readonly number[] => [keys[0]!, seqs[0]!],
};

export const rowPages = (blockBytes: number): PageFormat<RowPage> => ({
  ...VERSIONS,
  page: PART.rowPage,
  directory: PART.rowDirectory,
  decode: (part, place) => decodeRowPage(part, blockBytes, place),
});

export const REGION_PAGES: PageFormat<VersionPage> = {
  ...VERSIONS,
  page: PART.regionPage,
  directory: PART.regionDirectory,
  decode: decodeRegionPage,
};

export const RECORD_PAGES: PageFormat<RecordPage> = {
  page: PART.recordPage,
  directory: PART.recordDirectory,
  keyColumns: 4,
  decode: decodeRecordPage,
  items: ({ records }) => records.length,
  firstKey: ({ records }) => {
    const { seq, timeUs, arrivalUs, lsn } = records[0]!;
    return [seq, timeUs, arrivalUs, lsn];
  },
};
