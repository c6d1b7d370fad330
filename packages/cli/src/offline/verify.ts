import type { JsonMap } from '../client/fields.js';

export const verifyStopped = async (
  dataDir: string,
  volume: string | undefined,
  _onProgress: (done: number, total: number) => void,
): Promise<JsonMap> => {
  throw new Error(`${dataDir} ${volume}`);
};
