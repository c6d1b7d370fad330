/** A JSON object of the server's, its fields not yet checked. */
export type JsonMap = Readonly<Record<string, unknown>>;

/**
 * Readers of single fields, for what is shown to people: a field that is missing, null or of
 * another type is undefined, so that a newer or older server never breaks a table.
 */
export const mapOf = (value: unknown): JsonMap | undefined =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as JsonMap)
    : undefined;

/** A field that is an object. */
export const mapField = (map: JsonMap | undefined, field: string): JsonMap | undefined =>
  mapOf(map?.[field]);

/** A field that is a text. */
export const textField = (map: JsonMap | undefined, field: string): string | undefined => {
  const value = map?.[field];
  return typeof value === 'string' ? value : undefined;
};

/** A field that is a finite number. */
export const numberField = (map: JsonMap | undefined, field: string): number | undefined => {
  const value = map?.[field];
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined;
};

/** The objects of a field that is a list; none where it is not one. */
export const mapsField = (map: JsonMap | undefined, field: string): readonly JsonMap[] =>
  mapsOf(map?.[field]);

/** The objects of a list; none where it is not one. */
export const mapsOf = (value: unknown): readonly JsonMap[] =>
  Array.isArray(value) ? value.map(mapOf).filter((item) => item !== undefined) : [];

/** The texts of a field that is a list. */
export const textsField = (map: JsonMap | undefined, field: string): readonly string[] => {
  const value = map?.[field];
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
};
