import type { NbdExport, NbdExportInfo, NbdExtent, NbdPending } from '@retrace/nbd';
import { NbdError } from '@retrace/nbd';
import type { ViewPort } from '../journal-port.js';

/** Told of every request that failed; gives back what the client is answered. */
export type FailureSink = (thrown: unknown, operation: string) => NbdError;

export interface ViewExportOptions {
  readonly view: ViewPort;
  readonly name: string;
  readonly description: string;
  readonly canMultiConn: boolean;
  readonly onFailure: FailureSink;
  readonly onClose: () => void;
}

/** A volume at an instant over NBD, read-only. */
export class ViewExport implements NbdExport {
  readonly info: NbdExportInfo;
  readonly #options: ViewExportOptions;
  readonly #view: ViewPort;

  constructor(options: ViewExportOptions) {
    this.#options = options;
    this.#view = options.view;
    this.info = {
      name: options.name,
      description: options.description,
      sizeBytes: options.view.sizeBytes,
      readOnly: true,
      canMultiConn: options.canMultiConn,
      preferredBlockBytes: Math.max(options.view.blockBytes, 4096),
      supports: { flush: true, fua: false, trim: false, writeZeroes: false, cache: false },
    };
  }

  read(offset: number, target: Buffer): NbdPending {
    try {
      const pending = this.#view.read(offset, target);
      return pending?.catch((error: unknown) => {
        throw this.#options.onFailure(error, 'read');
      });
    } catch (error) {
      throw this.#options.onFailure(error, 'read');
    }
  }

  extents(
    offset: number,
    length: number,
    countMax: number,
  ): readonly NbdExtent[] | Promise<readonly NbdExtent[]> {
    try {
      const extents = this.#view.extents(offset, length, countMax);
      if (!(extents instanceof Promise)) return extents;
      return extents.catch((error: unknown) => {
        throw this.#options.onFailure(error, 'extents');
      });
    } catch (error) {
      throw this.#options.onFailure(error, 'extents');
    }
  }

  /** Nothing was written, so everything is durable. */
  flush(): undefined {
    return undefined;
  }

  write(): never {
    throw readOnly();
  }

  trim(): never {
    throw readOnly();
  }

  writeZeroes(): never {
    throw readOnly();
  }

  close(): void {
    this.#view.close();
    this.#options.onClose();
  }
}

const readOnly = (): NbdError => new NbdError('NBD_READ_ONLY', 'a view is read-only');
