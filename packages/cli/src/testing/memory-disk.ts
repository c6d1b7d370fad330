import { NbdError, type NbdExport, type NbdExtent, NbdServer } from '@retrace/nbd';

const UNIT_BYTES = 64 * 1024;

/** Counts of what a client asked of the disk. */
export interface DiskUse {
  readBytes: number;
}

/** A disk in memory, each connection's writes its own; units of 64 KiB that are zeros are holes. */
const exportOf = (name: string, bytes: Buffer, use: DiskUse, writable: boolean): NbdExport => ({
  info: {
    name,
    sizeBytes: bytes.length,
    readOnly: !writable,
    canMultiConn: !writable,
    supports: { flush: true, fua: false, trim: false, writeZeroes: false, cache: false },
  },
  read: (offset, target) => {
    use.readBytes += target.length;
    bytes.copy(target, 0, offset);
    return undefined;
  },
  write: (offset, data) => {
    data.copy(bytes, offset);
    return undefined;
  },
  flush: () => undefined,
  trim: () => undefined,
  writeZeroes: () => undefined,
  extents: (offset, length) => {
    const extents: NbdExtent[] = [];
    for (let at = offset; at < offset + length; ) {
      const end = Math.min(offset + length, at - (at % UNIT_BYTES) + UNIT_BYTES);
      const zero = bytes.subarray(at, end).every((byte) => byte === 0);
      extents.push({ length: end - at, hole: zero, zero });
      at = end;
    }
    return extents;
  },
  close: () => {},
});

/** Serves disks by their export names on a free port. */
export const serveDisks = async (
  disks: Readonly<Record<string, Buffer>>,
  { writable = false } = {},
): Promise<{ readonly server: NbdServer; readonly uri: string; readonly use: DiskUse }> => {
  const use: DiskUse = { readBytes: 0 };
  const server = await NbdServer.listen({
    address: { host: '127.0.0.1', port: 0 },
    provider: {
      list: async () => [],
      open: async (name) => {
        const bytes = disks[name];
        if (bytes !== undefined) return exportOf(name, Buffer.from(bytes), use, writable);
        throw new NbdError('INSTANT_UNKNOWN', `no ${name}`);
      },
    },
  });
  return { server, uri: server.uri(''), use };
};
