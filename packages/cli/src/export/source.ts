import type { NbdClient, NbdExtent } from '@retrace/nbd';

/** What is copied: a disk that does not change. Matches the NBD client. */
export interface Source {
  readonly sizeBytes: number;
  /** Largest read. */
  readonly readBytesMax: number;
  read(offset: number, length: number): Promise<Buffer>;
  /** What is hole or zeros from `offset` on; undefined where the source cannot tell. */
  readonly extents: ((offset: number, length: number) => Promise<readonly NbdExtent[]>) | undefined;
}

/** An NBD export as a source. */
export const nbdSource = (client: NbdClient): Source => ({
  sizeBytes: client.info.sizeBytes,
  readBytesMax: client.info.maxPayloadBytes,
  read: (offset, length) => client.read(offset, length),
  extents: client.hasBlockStatus
    ? (offset, length) => client.blockStatus(offset, length)
    : undefined,
});
