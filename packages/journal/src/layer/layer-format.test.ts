import { readFileSync } from 'node:fs';
import { crc32c, RECORD_KIND } from '@retrace/core';
import { describe, expect, it } from 'vitest';
import { collect, SERVER_UUID } from '../log/testing/log-fixture.js';
import { Chance } from '../storage/testing/faults.js';
import { MemoryStorage } from '../storage/testing/memory-storage.js';
import { LayerCaches } from './layer-caches.js';
import { LayerFile } from './layer-file.js';
import { decodeLayerFooter, decodeLayerHeader } from './layer-frame.js';
import { LayerWriter } from './layer-writer.js';
import type { LayerRecord } from './record-page.js';
import { ROW_KIND } from './rows.js';
import { verifyLayer } from './verify-layer.js';

const PATH = '0000000007.layer';
const BLOCK = Buffer.from('hello, layer');
const INPUTS = [{ kind: 'segment', number: 4, digest: '' }] as const;

const RECORD = {
  ...{ seq: 51, lsn: 100, kind: RECORD_KIND.write, flags: 1, volumeId: 2, epoch: 3, n: 41 },
  ...{ timeUs: 1_795_344_067_250_000, agentTimeUs: 1_795_344_067_250_000 },
  ...{ arrivalUs: 1_795_344_067_251_000, offset: 8192, length: 12 },
} as unknown as LayerRecord;

/** The bytes of the page's hex block. */
const hexExample = (): Buffer => {
  const url = new URL('../../../../docs/formats/layer.md', import.meta.url);
  const [, text] = /```hex\n([^`]+)```/.exec(readFileSync(url, 'utf8'))!;
  const lines = text!.trim().split('\n');
  return Buffer.from(lines.map((line) => line.slice(6).replaceAll(' ', '')).join(''), 'hex');
};

/** The layer of the example, written now. */
const writeExample = async (): Promise<MemoryStorage> => {
  const storage = new MemoryStorage(new Chance(1));
  const limits = { compressionLevel: 0 };
  const writer = await LayerWriter.create({
    ...{ storage, path: PATH, layer: 7, serverUuid: SERVER_UUID, limits },
  });
  writer.beginVolume({ volumeId: 2, groupId: 1, blockBytes: 512 });
  writer.row(16, 51, ROW_KIND.data, crc32c(BLOCK), BLOCK);
  writer.region(3, 5, 50);
  writer.activity([]);
  writer.beginGroup(1);
  writer.record(RECORD);
  await writer.finish({ fromLsn: 100, toLsn: 101, inputs: INPUTS });
  return storage;
};

describe('docs/formats/layer.md', () => {
  it('shows the bytes that are written', async () => {
    const written = (await writeExample()).content(PATH);
    expect(hexExample().toString('hex')).toBe(written.toString('hex'));
  });

  it('decodes as it says', async () => {
    const bytes = hexExample();
    expect(decodeLayerHeader(bytes.subarray(0, 64))).toEqual({ layer: 7, serverUuid: SERVER_UUID });
    expect(decodeLayerFooter(bytes.subarray(-128))).toMatchObject({ fileBytes: bytes.length });
    expect(bytes.toString('latin1', 64, 76)).toBe('hello, layer');

    const storage = new MemoryStorage(new Chance(1));
    await (await storage.open(PATH, 'create')).writev([bytes], 0);
    const caches = new LayerCaches({ pageBytesMax: 1e6, chunkBytesMax: 1e6, blockBytesMax: 1e6 });
    const file = await LayerFile.open({ storage, path: PATH, layer: 7, caches });
    expect(await verifyLayer(file)).toEqual([]);
    expect([file.fromLsn, file.toLsn, file.inputs]).toEqual([100, 101, INPUTS]);
    const volume = file.volume(2)!;
    const pieces = await volume.pieces(16, 40, 60, { piecesMax: 9 });
    expect(
      pieces.map(({ startBlock, blocks, kind, seq }) => [startBlock, blocks, kind, seq]),
    ).toEqual([
      [16, 1, 'data', 51],
      [17, 23, 'none', 0],
      [40, 8, 'zero', 50],
      [48, 8, 'none', 0],
    ]);
    const target = Buffer.alloc(512, 0x77);
    await volume.read(pieces[0]!.place!, target, 0);
    expect(target.equals(Buffer.concat([BLOCK], 512))).toBe(true);
    expect(await collect(file.group(1)!.scan())).toEqual([RECORD]);
  });
});
