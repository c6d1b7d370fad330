import { expect, it } from 'vitest';
import { LayerWriter } from '../layer/layer-writer.js';
import { SERVER_UUID } from '../log/testing/log-fixture.js';
import { silentLogger } from '../storage/logger.js';
import { Chance } from '../storage/testing/faults.js';
import { MemoryStorage } from '../storage/testing/memory-storage.js';
import { LAYER_DIRECTORY, layerPath } from './layer-paths.js';
import { clearOrphans, QUARANTINE_DIRECTORY } from './orphans.js';

const makeLayer = async (storage: MemoryStorage, layer: number): Promise<void> => {
  const path = layerPath(layer);
  const writer = await LayerWriter.create({ storage, path, layer, serverUuid: SERVER_UUID });
  await writer.finish({ fromLsn: 1, toLsn: 1, inputs: [] });
};

it('keeps known layers, removes half ones, and puts whole ones aside', async () => {
  const storage = new MemoryStorage(new Chance(1));
  await storage.makeDirectory('');
  await storage.makeDirectory(LAYER_DIRECTORY);
  for (const layer of [1, 2, 3]) await makeLayer(storage, layer);
  storage.truncate(layerPath(2), storage.content(layerPath(2)).length - 1);
  const whole = Buffer.from(storage.content(layerPath(3)));
  await clearOrphans(storage, new Set([1]), silentLogger);
  expect(await storage.list(LAYER_DIRECTORY)).toEqual(['0000000001.layer']);
  expect(await storage.list(QUARANTINE_DIRECTORY)).toEqual(['0000000003.layer']);
  expect(storage.content(`${QUARANTINE_DIRECTORY}/0000000003.layer`).equals(whole)).toBe(true);
  const after = storage.afterCrash();
  expect(await after.list(LAYER_DIRECTORY)).toEqual(['0000000001.layer']);
  expect(await after.list(QUARANTINE_DIRECTORY)).toEqual(['0000000003.layer']);
});
