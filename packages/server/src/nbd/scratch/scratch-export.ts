import type {
  NbdExport,
  NbdExportInfo,
  NbdExtent,
  NbdPending,
  NbdWriteZeroesOptions,
} from '@retrace/nbd';
import type { ViewPort } from '../../journal-port.js';
import type { FailureSink } from '../view-export.js';
import { ScratchOverlay } from './scratch-overlay.js';
import type { ScratchSpace } from './scratch-space.js';

export interface ScratchExportOptions {
  readonly view: ViewPort;
  readonly space: ScratchSpace;
  readonly name: string;
  readonly description: string;
  readonly onFailure: FailureSink;
  readonly onClose: () => void;
}

/**
 * A volume at an instant under a throw-away overlay, for one connection. Nothing of it survives the
 * connection, so FLUSH and FUA have nothing to do but wait for what is under way.
 */
export class ScratchExport implements NbdExport {
  readonly info: NbdExportInfo;
  readonly #options: ScratchExportOptions;
  readonly #overlay: ScratchOverlay;

  constructor(options: ScratchExportOptions) {
    this.#options = options;
    const { view, space, name } = options;
    this.#overlay = new ScratchOverlay(view, space, name);
    this.info = {
      name,
      description: options.description,
      sizeBytes: view.sizeBytes,
      readOnly: false,
      canMultiConn: false,
      preferredBlockBytes: Math.max(view.blockBytes, 4096),
      supports: { flush: true, fua: true, trim: true, writeZeroes: true, cache: false },
    };
  }

  read(offset: number, target: Buffer): NbdPending {
    return this.#run('read', () => this.#overlay.read(offset, target));
  }

  write(offset: number, data: Buffer): NbdPending {
    return this.#run('write', () => this.#overlay.write(offset, data));
  }

  trim(offset: number, length: number): NbdPending {
    return this.#run('trim', () => this.#overlay.zero(offset, length));
  }

  writeZeroes(offset: number, length: number, _options: NbdWriteZeroesOptions): NbdPending {
    return this.#run('write-zeroes', () => this.#overlay.zero(offset, length));
  }

  flush(): NbdPending {
    return this.#overlay.settled();
  }

  async extents(offset: number, length: number, countMax: number): Promise<readonly NbdExtent[]> {
    try {
      return await this.#overlay.extents(offset, length, countMax);
    } catch (error) {
      throw this.#options.onFailure(error, 'extents');
    }
  }

  async close(): Promise<void> {
    try {
      await this.#overlay.close();
    } finally {
      this.#options.onClose();
    }
  }

  #run(operation: string, run: () => NbdPending): NbdPending {
    try {
      return run()?.catch((error: unknown) => {
        throw this.#options.onFailure(error, operation);
      });
    } catch (error) {
      throw this.#options.onFailure(error, operation);
    }
  }
}
