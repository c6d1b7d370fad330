import { formatTime, RetraceError, toRetraceError } from '@retrace/core';
import type {
  NbdConnection,
  NbdError,
  NbdExport,
  NbdExportListing,
  NbdExportProvider,
} from '@retrace/nbd';
import type { Logger } from 'pino';
import { volumeText } from '../http/format.js';
import type { JournalPort, Resolution, ViewPort } from '../journal-port.js';
import type { ServerLimits } from '../limits.js';
import type { Metrics } from '../observe/metrics.js';
import { canonicalName, type ExportName, parseExportName } from './export-name.js';
import { refusal, requestError } from './refusal.js';
import { ScratchExport } from './scratch/scratch-export.js';
import type { ScratchSpace } from './scratch/scratch-space.js';
import { type FailureSink, ViewExport } from './view-export.js';

export interface InstantExportsOptions {
  readonly journal: JournalPort;
  readonly space: ScratchSpace;
  readonly limits: ServerLimits;
  readonly metrics: Metrics;
  readonly logger: Logger;
}

/**
 * Any instant of any volume as an NBD export: `VOLUME@INSTANT`, `VOLUME` for its latest one, and
 * `scratch:` in front of either for a writable throw-away. A name is resolved when it is opened and
 * stands for that seq until the connection ends.
 */
export class InstantExports implements NbdExportProvider {
  readonly #options: InstantExportsOptions;
  /** Failures that were logged, so that a damaged block read again and again fills no disk. */
  readonly #logged = new Set<string>();
  #open = 0;

  constructor(options: InstantExportsOptions) {
    this.#options = options;
  }

  /** Volumes and bookmarks. */
  async list(): Promise<readonly NbdExportListing[]> {
    const { journal, limits } = this.#options;
    const all = journal.groups().flatMap((group) =>
      group.volumes.flatMap((volume) => {
        const name = volumeText(volume);
        const description =
          volume.latest === undefined
            ? 'no instant yet'
            : `latest: seq:${volume.latest.seq}, ${formatTime(volume.latest.timeUs)}`;
        const marks = [...group.history.bookmarks.values()].map((mark) => ({
          name: `${name}@bookmark:${mark.name}`,
          description: `seq:${mark.seq}, ${formatTime(mark.timeUs)}`,
        }));
        return [{ name, description }, ...marks];
      }),
    );
    return all.slice(0, limits.listingsMax);
  }

  /** @throws NbdError with one of Retrace's codes: the text of a refusal is `CODE: message` */
  async open(name: string, connection: NbdConnection): Promise<NbdExport> {
    const { metrics, logger } = this.#options;
    try {
      const wanted = parseExportName(name);
      return await this.#export(wanted, connection);
    } catch (thrown) {
      const error = refusal(thrown);
      metrics.errors.inc({ code: error.code, where: 'nbd-open' });
      const where = { export: name.slice(0, 256), remote: connection.remote };
      if (error.code === 'INTERNAL') logger.error({ ...where, err: thrown }, 'export failed');
      else logger.info({ ...where, code: error.code }, `export refused: ${error.message}`);
      throw error;
    }
  }

  async #export(wanted: ExportName, connection: NbdConnection): Promise<NbdExport> {
    const { journal, space, metrics, limits } = this.#options;
    const found = await journal.resolve(wanted.volume, wanted.request);
    if (this.#open >= limits.viewsMax) {
      throw new RetraceError('SERVER_BUSY', `${this.#open} views are open already`);
    }
    const { volumeId, seq } = found;
    if (volumeId === undefined) throw new RetraceError('INTERNAL', 'a volume has no id');
    const name = canonicalName(wanted, seq);
    const scratch = wanted.kind === 'scratch';
    if (scratch) space.enter(name);
    const view = this.#view(found, volumeId, scratch);
    this.#open += 1;
    metrics.exports.inc({ kind: wanted.kind });
    const shared = {
      view,
      name,
      description: describe(found, scratch),
      onFailure: this.#failureSink(name, connection),
      onClose: () => {
        this.#open -= 1;
        metrics.exports.dec({ kind: wanted.kind });
      },
    };
    if (scratch) return new ScratchExport({ ...shared, space });
    return new ViewExport({ ...shared, canMultiConn: !wanted.moving });
  }

  #view(
    { seq }: Resolution,
    volumeId: NonNullable<Resolution['volumeId']>,
    scratch: boolean,
  ): ViewPort {
    const { journal, space } = this.#options;
    try {
      return journal.view(volumeId, seq);
    } catch (error) {
      if (scratch) space.leave(0, 0);
      throw error;
    }
  }

  #failureSink(name: string, connection: NbdConnection): FailureSink {
    const { metrics, logger, limits } = this.#options;
    return (thrown: unknown, operation: string): NbdError => {
      const error = requestError(thrown);
      const { code, message, details } = toRetraceError(thrown);
      metrics.errors.inc({ code, where: 'nbd' });
      const where = { export: name, remote: connection.remote, operation };
      if (this.#logged.has(message) || this.#logged.size >= limits.damagesMax) return error;
      this.#logged.add(message);
      if (code === 'INTERNAL') logger.error({ ...where, err: thrown }, 'request failed');
      else logger.error({ ...where, code, details }, message);
      return error;
    };
  }
}

const describe = ({ timeUs, state }: Resolution, scratch: boolean): string => {
  const kind = scratch ? 'writable, thrown away at disconnect' : 'read-only';
  return `${formatTime(timeUs)}, ${state}-consistent, ${kind}`;
};
