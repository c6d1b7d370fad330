import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { Level } from 'level';

const BATCH_RECORDS = 256;
const WRITE_BUFFER_BYTES = 64 * 2 ** 20;
const KEY_BYTES = 8;

/** Records a second that LevelDB alone takes, in synced batches of 256, each key once. */
export async function measureBareLevel(
  dir: string,
  recordBytes: number,
  seconds: number,
): Promise<number> {
  const database = new Level<Buffer, Buffer>(join(dir, 'level'), {
    keyEncoding: 'buffer',
    valueEncoding: 'buffer',
    compression: false,
    writeBufferSize: WRITE_BUFFER_BYTES,
  });
  await database.open();
  const values = Array.from({ length: BATCH_RECORDS }, () => randomBytes(recordBytes));
  let records = 0;
  const startMs = performance.now();
  while (performance.now() - startMs < seconds * 1000) {
    const batch = values.map((value, index) => {
      const key = Buffer.alloc(KEY_BYTES);
      key.writeBigUInt64BE(BigInt(records + index));
      return { type: 'put' as const, key, value };
    });
    await database.batch(batch, { sync: true });
    records += BATCH_RECORDS;
  }
  const tookSeconds = (performance.now() - startMs) / 1000;
  await database.close();
  return records / tookSeconds;
}
