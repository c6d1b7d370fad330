import { createHash } from 'node:crypto';
import { NbdClient } from '@retrace/nbd';

const PIECE_BYTES = 1 << 20;
const IN_FLIGHT_MAX = 4;

/** All bytes of an NBD export. @throws NbdError in the server's words */
export async function readExport(uri: string): Promise<Buffer> {
  const client = await NbdClient.connect(uri);
  try {
    return await readAll(client);
  } finally {
    await client.close();
  }
}

/** All bytes of what a client has open. */
export async function readAll(client: NbdClient): Promise<Buffer> {
  const { sizeBytes } = client.info;
  const image = Buffer.alloc(sizeBytes);
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < sizeBytes) {
      const piece = image.subarray(next, Math.min(next + PIECE_BYTES, sizeBytes));
      const at = next;
      next += piece.length;
      await client.readInto(at, piece);
    }
  };
  await Promise.all(Array.from({ length: IN_FLIGHT_MAX }, worker));
  return image;
}

/** A short text that stands for these bytes. */
export function digest(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex').slice(0, 32);
}

/** {@link digest} of all bytes of an export. */
export async function digestExport(uri: string): Promise<string> {
  return digest(await readExport(uri));
}

/** Where two images differ first, in words; undefined when they are equal. */
export function firstDifference(actual: Buffer, expected: Buffer): string | undefined {
  if (actual.equals(expected)) return undefined;
  if (actual.length !== expected.length) return `${actual.length} bytes, not ${expected.length}`;
  const at = actual.findIndex((byte, index) => byte !== expected[index]);
  return `byte ${at} (block ${Math.floor(at / 4096)}) is ${actual[at]}, not ${expected[at]}`;
}
