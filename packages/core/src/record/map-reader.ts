import { RetraceError } from '../errors/retrace-error.js';
import { isCount } from '../ids/brands.js';
import { LIMITS } from '../limits.js';

/**
 * Reads checked fields out of a decoded map. Every method names the field it could not read.
 * Unknown fields are ignored: a later version may have added them.
 */
export class MapReader {
  readonly #map: Readonly<Record<string, unknown>>;
  readonly #what: string;

  constructor(map: Readonly<Record<string, unknown>>, what: string) {
    this.#map = map;
    this.#what = what;
  }

  /** A map inside a list or field. @throws RetraceError FRAME_INVALID */
  static of(value: unknown, what: string): MapReader {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw new RetraceError('FRAME_INVALID', `${what} is not a map`);
    }
    return new MapReader(value as Record<string, unknown>, what);
  }

  has(field: string): boolean {
    return this.#map[field] !== undefined && this.#map[field] !== null;
  }

  text(field: string, lengthMax: number = LIMITS.textLengthMax): string {
    const value = this.#map[field];
    if (typeof value !== 'string' || value.length > lengthMax) this.#fail(field, 'a text');
    return value as string;
  }

  count(field: string, max: number = LIMITS.integerMax): number {
    const value = this.#map[field];
    if (!isCount(value) || value > max) this.#fail(field, `an integer up to ${max}`);
    return value as number;
  }

  flag(field: string): boolean {
    const value = this.#map[field];
    if (typeof value !== 'boolean') this.#fail(field, 'true or false');
    return value as boolean;
  }

  list(field: string, lengthMax: number): readonly unknown[] {
    const value = this.#map[field];
    if (!Array.isArray(value) || value.length > lengthMax) {
      this.#fail(field, `a list of at most ${lengthMax}`);
    }
    return value as unknown[];
  }

  /** One map of a list that `list` has checked. */
  item(field: string, index: number): MapReader {
    const values = this.#map[field];
    const value: unknown = Array.isArray(values) ? values[index] : undefined;
    return MapReader.of(value, `${this.#what}.${field}[${index}]`);
  }

  map(field: string): MapReader {
    return MapReader.of(this.#map[field], `${this.#what}.${field}`);
  }

  oneOf<T extends string>(field: string, values: readonly T[]): T {
    const value = this.#map[field];
    const found = values.find((candidate) => candidate === value);
    if (found === undefined) this.#fail(field, `one of ${values.join(', ')}`);
    return found as T;
  }

  #fail(field: string, wanted: string): never {
    throw new RetraceError('FRAME_INVALID', `${this.#what}: "${field}" must be ${wanted}`);
  }
}
