import { corrupt } from './corrupt.js';
import type { CachedPage } from './layer-caches.js';
import type { PagesRef } from './layer-directory.js';
import type { LayerSource } from './layer-source.js';
import { LAYER_BOUNDS } from './limits.js';
import { decodePageDirectory, type PageDirectory } from './page-directory.js';
import type { DecodedPart, PartKind } from './part.js';

/** How the pages of one kind are read. */
export interface PageFormat<P extends CachedPage> {
  readonly page: PartKind;
  readonly directory: PartKind;
  /** How many numbers the key of a page has. */
  readonly keyColumns: number;
  decode(part: DecodedPart, place: string): P;
  /** Rows, regions or records of a page, and the key of its first. */
  items(page: P): number;
  firstKey(page: P): readonly number[];
}

/** The pages of one kind in one volume or group. Its directory is loaded, the pages need not be. */
export class PageSet<P extends CachedPage> {
  readonly directory: PageDirectory;
  readonly #source: LayerSource;
  readonly #format: PageFormat<P>;

  constructor(source: LayerSource, format: PageFormat<P>, directory: PageDirectory) {
    this.#source = source;
    this.#format = format;
    this.directory = directory;
  }

  /**
   * By its entry in the layer's directory; without a promise when the page directory is in memory.
   * @throws RetraceError CORRUPTION, STORAGE_FAILED
   */
  static open<P extends CachedPage>(
    source: LayerSource,
    format: PageFormat<P>,
    { pages, at }: PagesRef,
  ): PageSet<P> | Promise<PageSet<P>> | undefined {
    if (at === undefined) return undefined;
    // A part's position says what it is: nothing else is ever cached for it.
    const cached = source.cached(at.position) as PageDirectory | undefined;
    if (cached !== undefined) return new PageSet(source, format, cached);
    const loaded = source.load(at.position, async () => {
      const part = await source.part(format.directory, at, LAYER_BOUNDS.tablePlainBytes);
      return decodePageDirectory(part, pages, format.keyColumns, source.place(at.position));
    });
    return loaded.then((directory) => new PageSet(source, format, directory as PageDirectory));
  }

  get count(): number {
    return this.directory.count;
  }

  /** The page, where it is in memory. */
  cached(page: number): P | undefined {
    return this.#source.cached(this.directory.refOf(page).position) as P | undefined;
  }

  /** The page, kept in memory. @throws RetraceError CORRUPTION, STORAGE_FAILED */
  async load(page: number): Promise<P> {
    const { position } = this.directory.refOf(page);
    return (await this.#source.load(position, () => this.read(page))) as P;
  }

  /** The page, read from the file and not kept. @throws RetraceError CORRUPTION, STORAGE_FAILED */
  async read(page: number): Promise<P> {
    const ref = this.directory.refOf(page);
    const place = this.placeOf(page);
    const part = await this.#source.part(this.#format.page, ref, LAYER_BOUNDS.pagePlainBytes);
    const decoded = this.#format.decode(part, place);
    const first = this.#format.firstKey(decoded);
    const isAsListed =
      this.#format.items(decoded) === this.directory.items[page] &&
      this.directory.first.every((column, index) => column[page] === first[index]);
    if (!isAsListed) throw corrupt(place, 'the page is not the one its directory names');
    return decoded;
  }

  placeOf(page: number): string {
    return this.#source.place(this.directory.refOf(page).position);
  }
}
