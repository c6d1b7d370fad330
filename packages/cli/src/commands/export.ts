import { formatTarget, parseVolumeInstant, RetraceError } from '@retrace/core';
import { NbdClient } from '@retrace/nbd';
import { type Command, Option } from 'commander';
import type { ApiClient } from '../client/api-client.js';
import { exportUri, findNbdBase } from '../client/nbd-uri.js';
import { parseByteCount } from '../config/byte-count.js';
import { copy } from '../export/copy.js';
import { checkTarget, exportFile } from '../export/export-file.js';
import type { ByteRange } from '../export/pieces.js';
import { exportQcow2 } from '../export/qcow2.js';
import { nbdSource } from '../export/source.js';
import { StreamSink } from '../export/stream-sink.js';
import type { Io } from '../io.js';
import type { Output } from '../output/output.js';
import { startProgress } from '../output/progress.js';
import { formatBytes, formatInstantTime } from '../output/units.js';
import { newCommand, openSession, type ServerOptions, withServerOptions } from './command.js';
import { type ResolvedVolume, resolveVolume } from './resolved-volume.js';

interface ExportOptions extends ServerOptions {
  readonly format: 'raw' | 'qcow2';
  readonly force?: boolean;
  readonly nbd?: string;
  readonly offset?: string;
  readonly length?: string;
}

/** The range asked for, within a volume of `sizeBytes`. */
export const rangeOf = (
  options: Pick<ExportOptions, 'offset' | 'length'>,
  sizeBytes: number,
): ByteRange => {
  const start = options.offset === undefined ? 0 : parseByteCount(options.offset, '--offset');
  const length =
    options.length === undefined ? sizeBytes - start : parseByteCount(options.length, '--length');
  if (start > sizeBytes || start + length > sizeBytes) {
    throw new RetraceError(
      'USAGE',
      `the volume has ${sizeBytes} bytes at that instant: --offset and --length go beyond them`,
    );
  }
  return { start, end: start + length };
};

const checkOptions = async (file: string, options: ExportOptions): Promise<void> => {
  const isPart = options.offset !== undefined || options.length !== undefined;
  if (options.format === 'qcow2' && file === '-') {
    throw new RetraceError('USAGE', 'qcow2 cannot be written to stdout: give a file');
  }
  if (options.format === 'qcow2' && isPart) {
    throw new RetraceError('USAGE', '--offset and --length go with --format raw only');
  }
  if (file === '-' && options.json === true) {
    throw new RetraceError('USAGE', '--json and an image on stdout exclude each other');
  }
  if (file !== '-') await checkTarget(file, options.force === true);
};

const exportRaw = async (
  uri: string,
  file: string,
  options: ExportOptions,
  io: Io,
  signal: AbortSignal,
): Promise<ByteRange> => {
  const client = await NbdClient.connect(uri);
  try {
    const source = nbdSource(client);
    const range = rangeOf(options, source.sizeBytes);
    const total = range.end - range.start;
    const progress = startProgress(io, 'exporting', total, options.json === true);
    const onProgress = (done: number): void => progress.update(done);
    try {
      if (file === '-') await copy(source, range, new StreamSink(io.stdout), { onProgress });
      else await exportFile(source, range, file, onProgress, signal);
    } finally {
      progress.stop();
    }
    return range;
  } finally {
    await client.close();
  }
};

/** The size another program will find. @throws NbdError when the export is refused */
const sizeOf = async (uri: string): Promise<number> => {
  const client = await NbdClient.connect(uri);
  await client.close();
  return client.info.sizeBytes;
};

const report = async (
  out: Output,
  file: string,
  bytes: number,
  resolved: ResolvedVolume,
  format: string,
  io: Io,
): Promise<void> => {
  if (file === '-') return;
  const { volume, name, seq, timeUs, answer } = resolved;
  const result = { ...answer, file, format, bytes };
  await out.result(result, () => {
    const when = formatInstantTime(timeUs, io.nowMs());
    return `${file}: ${formatBytes(bytes)} of ${volume}@${name} (seq ${seq}), ${when}`;
  });
};

const exportTo = async (
  api: ApiClient,
  target: string,
  file: string,
  options: ExportOptions,
  io: Io,
): Promise<{ resolved: ResolvedVolume; bytes: number }> => {
  const resolved = await resolveVolume(api, target);
  const base = await findNbdBase(api, options.nbd);
  const uri = exportUri(base, `${resolved.volume}@${resolved.name}`);
  const stop = new AbortController();
  const unsubscribe = io.onStop((signal) => {
    stop.abort(new RetraceError('STORAGE_FAILED', `stopped by ${signal}: nothing is left behind`));
  });
  try {
    if (options.format === 'raw') {
      const { start, end } = await exportRaw(uri, file, options, io, stop.signal);
      return { resolved, bytes: end - start };
    }
    const bytes = await sizeOf(uri);
    await exportQcow2(uri, file, io.findProgram, stop.signal);
    return { resolved, bytes };
  } finally {
    unsubscribe();
  }
};

const run = async (target: string, file: string, options: ExportOptions, io: Io): Promise<void> => {
  formatTarget(parseVolumeInstant(target).volume);
  await checkOptions(file, options);
  const { api, out } = await openSession(options, io);
  const { resolved, bytes } = await exportTo(api, target, file, options, io);
  await report(out, file, bytes, resolved, options.format, io);
};

/** `retrace export`: a volume as it was, as a file. */
export const exportCommand = (io: Io): Command =>
  withServerOptions(
    newCommand({
      usage: 'export <volume@instant> <file>',
      summary: 'Write a volume as it was at an instant into a file, or to stdout (-).',
      examples: [
        ['retrace export web-01/root@-5m root.img', 'a sparse raw image'],
        ['retrace export web-01/root@seq:81723 root.qcow2 --format qcow2', 'for QEMU'],
        ['retrace export web-01/root@latest - | gzip > root.img.gz', 'through a pipe'],
        [
          'retrace export web-01/root@-5m - --offset 1M --length 4096 | hexdump -C',
          'one block only',
        ],
      ],
      notes: 'The file is called FILE.partial until all of it is on stable storage.',
    })
      .addOption(
        new Option('--format <format>', 'raw or qcow2').choices(['raw', 'qcow2']).default('raw'),
      )
      .option('--force', 'replace the file if it exists')
      .option('--offset <bytes>', 'raw only: begin here (4096, 64k, 1M)')
      .option('--length <bytes>', 'raw only: so many bytes')
      .option('--nbd <uri>', "the server's NBD address, if not the one it names itself"),
    io,
  ).action((target: string, file: string, options: ExportOptions) =>
    run(target, file, options, io),
  );
