import { RetraceError } from '@retrace/core';
import type { VerifyProgress } from '../journal-verify.js';
import { verifyLayer } from '../layer/verify-layer.js';
import { layerPath } from '../layers/layer-paths.js';
import type { LayerSet } from '../layers/layer-set.js';
import { type Damage, damage } from '../storage/damage.js';

export interface LayersVerification {
  readonly problems: readonly Damage[];
  readonly checked: { readonly layers: number; readonly layerBytes: number };
}

/** Reads every layer whole and checks it. @throws RetraceError STORAGE_FAILED */
export const verifyLayers = async (
  layers: LayerSet,
  onProgress: ((progress: VerifyProgress) => void) | undefined,
): Promise<LayersVerification> => {
  const problems: Damage[] = [];
  let layerBytes = 0;
  for (const entry of [...layers.entries]) {
    const { layer, bytes } = entry;
    const what = `layer ${layer}`;
    try {
      const file = await layers.file(entry);
      // Each byte is read twice: for the digest, and for what it says.
      const found = await verifyLayer(file, {
        onProgress: (done) => onProgress?.({ done: done / 2, total: bytes, what }),
      });
      problems.push(...found);
    } catch (error) {
      if (!(error instanceof RetraceError) || error.code !== 'CORRUPTION') throw error;
      problems.push(damage(layerPath(layer), error.message));
    }
    layerBytes += bytes;
  }
  return { problems, checked: { layers: layers.entries.length, layerBytes } };
};
