import { MapReader, RetraceError } from '@retrace/core';
import type { CatalogChange } from '../catalog/catalog.js';
import type { CatalogMap } from '../catalog/catalog-codec.js';
import type { LayerSummary } from '../layer/layer-writer.js';
import { layerName } from './layer-paths.js';

/** Kind of the catalog's entries that name the layers. */
export const LAYER_KIND = 'layer';

/** A layer as the catalog has it: what is in it, without opening it. */
export interface LayerEntry extends LayerSummary {
  /** Blocks whose bytes were damaged in the log it was made from. */
  readonly lostBlocks: number;
}

const LIST_MAX = 4 * 1024 * 1024;

export const layerChange = (entry: LayerEntry): CatalogChange => {
  const { layer, ...value } = entry;
  return { kind: LAYER_KIND, id: layerName(layer), value: { ...value } };
};

/** @throws RetraceError CORRUPTION */
export const decodeLayerEntry = (id: string, value: CatalogMap): LayerEntry => {
  try {
    return readEntry(Number(id), new MapReader(value, `layer ${id}`));
  } catch (cause) {
    throw new RetraceError('CORRUPTION', `catalog entry "layer ${id}" cannot be read`, { cause });
  }
};

const readEntry = (layer: number, reader: MapReader): LayerEntry => ({
  layer,
  bytes: reader.count('bytes'),
  digest: reader.text('digest', 64),
  fromLsn: reader.count('fromLsn'),
  toLsn: reader.count('toLsn'),
  lostBlocks: reader.count('lostBlocks'),
  groups: reader.list('groups', LIST_MAX).map((_, index) => {
    const item = reader.item('groups', index);
    return {
      groupId: item.count('groupId'),
      fromSeq: item.count('fromSeq'),
      toSeq: item.count('toSeq'),
      records: item.count('records'),
    };
  }),
  volumes: reader.list('volumes', LIST_MAX).map((_, index) => {
    const item = reader.item('volumes', index);
    return {
      volumeId: item.count('volumeId'),
      groupId: item.count('groupId'),
      rows: item.count('rows'),
      regions: item.count('regions'),
      dataBytes: item.count('dataBytes'),
      fromSeq: item.count('fromSeq'),
      toSeq: item.count('toSeq'),
    };
  }),
});
