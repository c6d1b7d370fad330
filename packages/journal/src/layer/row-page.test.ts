import { describe, expect, it } from 'vitest';
import { ColumnsReader, type ColumnsWriter } from './columns.js';
import { decodeRowPage, type RowColumns, rowPageColumns } from './row-page.js';
import { ROW_KIND } from './rows.js';

const BLOCK_BYTES = 512;

const CHUNK = { position: 64, storedBytes: 100, plainBytes: 512, codec: 1, crc: 9, rows: 2 };

const PAGE: RowColumns = {
  count: 3,
  blocks: Float64Array.of(1, 2, 2),
  seqs: Float64Array.of(5, 4, 6),
  kinds: Uint8Array.of(ROW_KIND.data, ROW_KIND.zero, ROW_KIND.data),
  checksums: [11, 12],
  shortRows: [2],
  shortLengths: [100],
  chunks: [CHUNK, { ...CHUNK, position: 164, plainBytes: 100, rows: 1 }],
};

const decode = (page: RowColumns, more = (columns: ColumnsWriter) => columns) => {
  const [columns, tail] = rowPageColumns(page);
  const reader = new ColumnsReader(more(columns).encode(), 'place');
  return decodeRowPage({ columns: reader, tail }, BLOCK_BYTES, 'place');
};

describe('a page of rows', () => {
  it('says of each row where its payload lies', () => {
    const page = decode(PAGE);
    expect([...page.keys]).toEqual([1, 2, 2]);
    expect([...page.seqs]).toEqual([5, 4, 6]);
    expect([...page.checksums]).toEqual([11, 0, 12]);
    expect([...page.chunkOf]).toEqual([0, 0, 1]);
    expect([...page.payloadAt]).toEqual([0, 512, 0]);
    expect([...page.payloadBytes]).toEqual([512, 0, 100]);
    expect(page.chunks).toEqual(PAGE.chunks);
  });

  it('is refused when its columns contradict one another', () => {
    const [first, second] = PAGE.chunks as readonly [typeof CHUNK, typeof CHUNK];
    const wrong: Readonly<Record<string, Partial<RowColumns>>> = {
      'no rows': { count: 0 },
      'an unknown kind': { kinds: Uint8Array.of(0, 3, 0) },
      'a checksum too few': { checksums: [11] },
      'a checksum too many': { checksums: [11, 12, 13] },
      'a short row without data': { shortRows: [1] },
      'a short row that is not there': { shortRows: [3] },
      'a short row that is not short': { shortLengths: [512] },
      'no chunks': { chunks: [] },
      'a chunk too few': { chunks: [first] },
      'a chunk with a row too few': { chunks: [first, { ...second, rows: 0, plainBytes: 0 }] },
      'a chunk that is longer than its rows': { chunks: [first, { ...second, plainBytes: 101 }] },
      'a chunk that is shorter than its rows': { chunks: [first, { ...second, plainBytes: 99 }] },
      'a chunk that grew when it was stored': { chunks: [first, { ...second, storedBytes: 101 }] },
    };
    for (const [what, change] of Object.entries(wrong)) {
      expect(() => decode({ ...PAGE, ...change }), what).toThrow(
        expect.objectContaining({ code: 'CORRUPTION', details: { place: 'place' } }),
      );
    }
  });

  it('ignores columns it does not know, and refuses those of later versions it does', () => {
    expect(decode(PAGE, (columns) => columns.deltas(40, [1, 2])).count).toBe(3);
    expect(() => decode(PAGE, (columns) => columns.deltas(22, [1, 0]))).toThrow('other files');
    expect(() => decode(PAGE, (columns) => columns.deltas(23, [1, 0]))).toThrow('encrypted');
  });
});
