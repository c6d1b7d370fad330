import { RetraceError } from '@retrace/core';
import type { Storage } from '../../storage/storage.js';
import { createCatalog } from '../begin-generation.js';
import { Catalog, type CatalogOptions } from '../catalog.js';

/** Kinds that tests use. */
const KINDS = ['a', 'b', 'c'] as const;

/** Makes an empty catalog and opens it. */
export const create = async (storage: Storage, options?: CatalogOptions): Promise<Catalog> => {
  await createCatalog(storage);
  return Catalog.open(storage, options);
};

/** All that a catalog shows, as plain data: entries of each kind in the order of their ids. */
export const show = (catalog: Catalog): unknown =>
  KINDS.map((kind) => catalog.list(kind).map(({ id, value }) => [id, value]));

/** Code of the error, or `done`. */
export const codeOf = async (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => 'done',
    (error: unknown) => (error instanceof RetraceError ? error.code : error),
  );

export const placesOf = (catalog: Catalog): readonly string[] =>
  catalog.problems().map(({ place }) => place);
