import { RetraceError, recordKindName } from '@retrace/core';
import { LayerCaches } from '../layer/layer-caches.js';
import { LayerFile } from '../layer/layer-file.js';
import { decodeLayerHeader, LAYER_HEADER_BYTES, type LayerHeader } from '../layer/layer-frame.js';
import type { LayerGroup } from '../layer/layer-group.js';
import type { LayerVolume } from '../layer/layer-volume.js';
import type { Storage } from '../storage/storage.js';
import type { InspectedPart } from './inspected-part.js';

/** The header, when these bytes are the beginning of a layer file. */
export const layerHead = (head: Buffer): LayerHeader | undefined => {
  const header = decodeLayerHeader(head.subarray(0, LAYER_HEADER_BYTES));
  return typeof header === 'string' ? undefined : header;
};

/** A layer by its directory, and the headers of all records in it. */
export const inspectLayer = async function* (
  storage: Storage,
  path: string,
  { layer, serverUuid }: LayerHeader,
): AsyncGenerator<InspectedPart> {
  yield { at: 'byte 0', what: 'layer-header', fields: { layer, serverUuid } };
  const caches = new LayerCaches({ pageBytesMax: 1 << 22, chunkBytesMax: 0, blockBytesMax: 0 });
  try {
    const file = await LayerFile.open({ storage, path, layer, caches });
    try {
      const { digest, fromLsn, toLsn, inputs } = file;
      yield { at: 'directory', what: 'layer', fields: { layer, digest, fromLsn, toLsn, inputs } };
      for (const volume of file.volumes()) yield volumePart(volume);
      for (const group of file.groups()) yield* groupParts(group);
    } finally {
      await file.close();
    }
  } catch (error) {
    if (!(error instanceof RetraceError) || error.code !== 'CORRUPTION') throw error;
    yield { at: path, what: 'damaged', fields: { why: error.message } };
  }
};

const volumePart = (volume: LayerVolume): InspectedPart => {
  const { volumeId, groupId, blockBytes, fromSeq, toSeq, rows, regions, dataBytes } = volume;
  const { firstBlock, lastBlock } = volume;
  return {
    at: `volume ${volumeId}`,
    what: 'layer-volume',
    fields: {
      ...{ volumeId, groupId, blockBytes, fromSeq, toSeq },
      ...{ rows, firstBlock, lastBlock, regions, dataBytes },
    },
  };
};

async function* groupParts(group: LayerGroup): AsyncGenerator<InspectedPart> {
  const { groupId, fromSeq, toSeq, records } = group;
  const at = `group ${groupId}`;
  yield { at, what: 'layer-group', fields: { groupId, fromSeq, toSeq, records } };
  for await (const page of group.scanPages()) {
    const shown = page.map(({ body: _, kind, ...record }) => ({
      ...record,
      kind: recordKindName(kind) ?? kind,
    }));
    const fields = { records: shown };
    yield { at: `${at}, seq ${page[0]!.seq}`, what: 'layer-records', fields };
  }
}
