import { NbdError } from '../errors.js';
import type {
  NbdExport,
  NbdExportInfo,
  NbdExportListing,
  NbdExportProvider,
  NbdExtent,
  NbdWriteZeroesOptions,
} from '../export/export.js';

/** How a {@link MemoryExport} differs from a plain one. */
export interface MemoryOptions {
  readonly sizeBytes?: number;
  readonly info?: Partial<NbdExportInfo>;
  /** Called before each operation; a promise delays it, a throw fails it. */
  readonly before?: (operation: string, offset: number) => undefined | Promise<void>;
}

const EXTENT_BYTES = 4096;

/** A disk in memory that notes what it was asked. */
export class MemoryExport implements NbdExport {
  readonly info: NbdExportInfo;
  readonly bytes: Buffer;
  readonly calls: string[] = [];
  closes = 0;
  readonly #before: NonNullable<MemoryOptions['before']>;

  constructor(options: MemoryOptions = {}) {
    const sizeBytes = options.sizeBytes ?? 1024 * 1024;
    this.bytes = Buffer.alloc(sizeBytes);
    this.#before = options.before ?? (() => undefined);
    const supports = {
      flush: true,
      fua: true,
      trim: true,
      writeZeroes: true,
      cache: true,
      fastZero: true,
    };
    const info = { name: 'memory', sizeBytes, readOnly: false, canMultiConn: true, supports };
    this.info = { ...info, ...options.info };
  }

  read(offset: number, target: Buffer): undefined | Promise<void> {
    return this.#do(`read ${offset} ${target.length}`, offset, () => {
      this.bytes.copy(target, 0, offset);
    });
  }

  write(offset: number, data: Buffer, fua: boolean): undefined | Promise<void> {
    const call = `write ${offset} ${data.length}${fua ? ' fua' : ''}`;
    return this.#do(call, offset, () => {
      data.copy(this.bytes, offset);
    });
  }

  flush(): undefined | Promise<void> {
    return this.#do('flush', 0, () => undefined);
  }

  trim(offset: number, length: number, fua: boolean): undefined | Promise<void> {
    return this.#do(`trim ${offset} ${length}${fua ? ' fua' : ''}`, offset, () => {
      this.bytes.fill(0, offset, offset + length);
    });
  }

  writeZeroes(
    offset: number,
    length: number,
    options: NbdWriteZeroesOptions,
  ): undefined | Promise<void> {
    const { fua, noHole, fastOnly } = options;
    const flags = `${fua ? ' fua' : ''}${noHole ? ' noHole' : ''}${fastOnly ? ' fastOnly' : ''}`;
    return this.#do(`writeZeroes ${offset} ${length}${flags}`, offset, () => {
      this.bytes.fill(0, offset, offset + length);
    });
  }

  cache(offset: number, length: number): undefined | Promise<void> {
    return this.#do(`cache ${offset} ${length}`, offset, () => undefined);
  }

  extents(offset: number, length: number, countMax: number): readonly NbdExtent[] {
    this.calls.push(`extents ${offset} ${length} ${countMax}`);
    const extents: NbdExtent[] = [];
    for (let at = offset; at < offset + length && extents.length < countMax * 8; ) {
      const end = Math.min(at + EXTENT_BYTES - (at % EXTENT_BYTES), this.bytes.length);
      const zero = this.bytes.subarray(at, end).every((byte) => byte === 0);
      extents.push({ length: end - at, hole: zero, zero });
      at = end;
    }
    return extents;
  }

  close(): void {
    this.closes += 1;
  }

  #do(call: string, offset: number, act: () => void): undefined | Promise<void> {
    this.calls.push(call);
    const wait = this.#before(call.split(' ')[0] as string, offset);
    if (wait !== undefined) return wait.then(act);
    act();
    return undefined;
  }
}

/** A provider of exports that exist already; one handle is shared by all who open it. */
export class MemoryProvider implements NbdExportProvider {
  readonly exports: Map<string, NbdExport>;
  readonly opens: string[] = [];

  constructor(exports: Readonly<Record<string, NbdExport>>) {
    this.exports = new Map(Object.entries(exports));
  }

  list(): Promise<readonly NbdExportListing[]> {
    return Promise.resolve([...this.exports.keys()].map((name) => ({ name })));
  }

  open(name: string, _connection: unknown, purpose: 'info' | 'go'): Promise<NbdExport> {
    this.opens.push(`${purpose} ${name}`);
    const found = this.exports.get(name);
    if (found === undefined) {
      return Promise.reject(new NbdError('NBD_UNKNOWN_EXPORT', `there is no '${name}'`));
    }
    return Promise.resolve(found);
  }
}
