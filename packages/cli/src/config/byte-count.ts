import { RetraceError } from '@retrace/core';

const UNITS: Readonly<Record<string, number>> = {
  '': 1,
  k: 1024,
  m: 1024 ** 2,
  g: 1024 ** 3,
  t: 1024 ** 4,
};

/**
 * Reads `4096`, `64k`, `1M`, `2GiB`: units are powers of 1024.
 * @param what - the option, for the error
 * @throws RetraceError USAGE
 */
export const parseByteCount = (text: string, what: string): number => {
  const match = /^(\d{1,16})([kmgt]?)(?:i?b)?$/i.exec(text.trim());
  const bytes = match === null ? Number.NaN : Number(match[1]) * UNITS[match[2]!.toLowerCase()]!;
  if (Number.isSafeInteger(bytes)) return bytes;
  throw new RetraceError('USAGE', `${what}: "${text}" is no number of bytes: write 4096, 64k, 1M`);
};
