import { readFile } from 'node:fs/promises';
import { RetraceError, systemErrorCode } from '@retrace/core';
import { type JsonMap, mapOf } from '../client/fields.js';

const fail = (message: string, cause?: unknown): never => {
  throw new RetraceError('CONFIG_INVALID', message, { cause });
};

/**
 * A JSON configuration file: the same keys as the command's options. Every key is checked: one
 * that is not known is an error, for it is likely a misspelt one.
 */
export class ConfigFile {
  readonly #map: JsonMap;
  readonly #where: string;

  /**
   * @param where - file (and place in it), for errors
   * @param keys - all that may be there
   * @throws RetraceError CONFIG_INVALID for an unknown key
   */
  constructor(map: JsonMap, where: string, keys: readonly string[]) {
    this.#map = map;
    this.#where = where;
    for (const key of Object.keys(map)) {
      if (!keys.includes(key)) {
        fail(`${where}: there is no key "${key}"; the keys are: ${keys.join(', ')}`);
      }
    }
  }

  /** Reads a file. @throws RetraceError CONFIG_INVALID */
  static async read(path: string, keys: readonly string[]): Promise<ConfigFile> {
    const text = await readFile(path, 'utf8').catch((cause: unknown) =>
      fail(`the configuration ${path} cannot be read: ${systemErrorCode(cause)}`, cause),
    );
    return new ConfigFile(parseMap(text, path), path, keys);
  }

  /** A text that is not empty; undefined when the key is not there. */
  text(key: string): string | undefined {
    const value = this.#map[key];
    if (value === undefined) return undefined;
    if (typeof value !== 'string' || value === '') this.#fail(key, 'a text that is not empty');
    return value as string;
  }

  /** A list of objects; undefined when the key is not there. */
  list(key: string, keys: readonly string[]): readonly ConfigFile[] | undefined {
    const value = this.#map[key];
    if (value === undefined) return undefined;
    if (!Array.isArray(value)) return this.#fail(key, 'a list');
    return value.map((item: unknown, index) => {
      const map = mapOf(item);
      if (map === undefined) return this.#fail(`${key}[${index}]`, 'an object');
      return new ConfigFile(map, `${this.#where}: ${key}[${index}]`, keys);
    });
  }

  #fail(key: string, wanted: string): never {
    throw new RetraceError('CONFIG_INVALID', `${this.#where}: "${key}" must be ${wanted}`);
  }
}

const parseMap = (text: string, path: string): JsonMap => {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    return fail(`the configuration ${path} is not JSON: ${why}`, cause);
  }
  return mapOf(value) ?? fail(`the configuration ${path} is not a JSON object`);
};
