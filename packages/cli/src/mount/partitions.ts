import { stat } from 'node:fs/promises';
import { RetraceError } from '@retrace/core';
import { formatBytes } from '../output/units.js';
import type { Tools } from './tools.js';

const SECTOR_BYTES = 512;

/** The whole of a disk, or a partition of it, and what blkid finds there. */
export interface Contents {
  /** Number of the partition; 0 for the whole disk. */
  readonly partition: number;
  readonly offsetBytes: number;
  readonly sizeBytes: number;
  /** `ext4`, `LVM2_member`, ...; undefined where nothing is recognised. */
  readonly type: string | undefined;
  /** It is a filesystem (not swap, a RAID member or a crypto container). */
  readonly isFilesystem: boolean;
}

/** Reads `blkid -p -o export`. */
export const parseBlkid = (text: string): { type: string | undefined; isFilesystem: boolean } => {
  const fields = new Map(
    text.split('\n').flatMap((line) => {
      const at = line.indexOf('=');
      return at < 0 ? [] : [[line.slice(0, at), line.slice(at + 1)] as const];
    }),
  );
  const type = fields.get('TYPE');
  return { type, isFilesystem: type !== undefined && fields.get('USAGE') === 'filesystem' };
};

/** Reads `partx -g -r -o NR,START,SECTORS`. */
export const parsePartx = (
  text: string,
): readonly { partition: number; offsetBytes: number; sizeBytes: number }[] =>
  text.split('\n').flatMap((line) => {
    const match = /^(\d+) (\d+) (\d+)$/.exec(line.trim());
    if (match === null) return [];
    const [, partition, start, sectors] = match.map(Number) as [number, number, number, number];
    return [{ partition, offsetBytes: start * SECTOR_BYTES, sizeBytes: sectors * SECTOR_BYTES }];
  });

const probe = async (tools: Tools, base: string, offsetBytes: number, sizeBytes: number) => {
  const range = ['-O', String(offsetBytes), ...(sizeBytes > 0 ? ['-S', String(sizeBytes)] : [])];
  const args = ['-p', '-o', 'export', ...range, base];
  return parseBlkid((await tools.ask('blkid', args, 'recognises filesystems')).stdout);
};

/**
 * What is on a disk: its partitions where it has any, else the whole of it. The partition table is
 * read here, for not every kernel knows every kind of table.
 * @param base - the disk as a file or block device
 */
export const contentsOf = async (tools: Tools, base: string): Promise<readonly Contents[]> => {
  const { size } = await stat(base);
  const whole = {
    partition: 0,
    offsetBytes: 0,
    sizeBytes: size,
    ...(await probe(tools, base, 0, 0)),
  };
  if (whole.isFilesystem) return [whole];
  const args = ['-g', '-r', '-o', 'NR,START,SECTORS', base];
  const table = await tools.ask('partx', args, 'reads partition tables');
  const contents: Contents[] = [];
  for (const place of parsePartx(table.stdout)) {
    const found = await probe(tools, base, place.offsetBytes, place.sizeBytes);
    contents.push({ ...place, ...found });
  }
  return contents.length === 0 ? [whole] : contents;
};

const describe = ({ partition, sizeBytes, type }: Contents): string =>
  `${partition} (${type ?? 'contents unknown'}, ${formatBytes(sizeBytes)})`;

/**
 * Chooses what to mount: the partition asked for, else the only filesystem there is.
 * @throws RetraceError MOUNT_FAILED when it holds no filesystem; USAGE when there are several
 */
export const chooseFilesystem = (
  contents: readonly Contents[],
  partition: number | undefined,
): Contents & { readonly type: string } => {
  const named = contents.map(describe).join(', ');
  const isParted = contents.some((item) => item.partition > 0);
  const candidates =
    partition === undefined
      ? contents.filter(({ isFilesystem }) => isFilesystem)
      : contents.filter((item) => item.partition === partition);
  const [first, second] = candidates;
  if (first === undefined && partition !== undefined) {
    const there = isParted ? `the partitions are ${named}` : 'the volume has no partitions';
    throw new RetraceError('USAGE', `there is no partition ${partition}: ${there}`);
  }
  if (second !== undefined) {
    throw new RetraceError(
      'USAGE',
      `the volume has several filesystems, in partitions ${named}: choose one with ` +
        '--partition N, and mount the others into folders of their own',
    );
  }
  if (first?.isFilesystem === true && first.type !== undefined)
    return { ...first, type: first.type };
  const found = isParted
    ? `only partitions ${named}`
    : (contents[0]?.type ?? 'nothing that is known');
  throw new RetraceError(
    'MOUNT_FAILED',
    `there is no filesystem at that instant, but ${found}: use "retrace export", or attach the ` +
      'NBD export yourself',
  );
};
