import { NbdError } from '../errors.js';
import { STRING_BYTES_MAX } from '../limits.js';

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * A string of the protocol: UTF-8 without NUL, at most {@link STRING_BYTES_MAX} bytes.
 *
 * @throws NbdError NBD_INVALID_OPTION when it is none.
 */
export function decodeText(bytes: Buffer): string {
  if (bytes.length > STRING_BYTES_MAX) {
    throw new NbdError('NBD_INVALID_OPTION', `a string may have ${STRING_BYTES_MAX} bytes`);
  }
  if (bytes.includes(0)) throw new NbdError('NBD_INVALID_OPTION', 'a string holds a NUL byte');
  try {
    return decoder.decode(bytes);
  } catch (cause) {
    throw new NbdError('NBD_INVALID_OPTION', 'a string is not UTF-8', { cause });
  }
}

/** The string as bytes, cut between two characters where they exceed {@link STRING_BYTES_MAX}. */
export function encodeText(text: string): Buffer {
  const bytes = Buffer.from(text, 'utf8');
  if (bytes.length <= STRING_BYTES_MAX) return bytes;
  let end = STRING_BYTES_MAX;
  while (((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1;
  return bytes.subarray(0, end);
}
