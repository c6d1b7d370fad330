/** What a record is. The numbers are those of the wire and of the log: never change one. */
export const RECORD_KIND = {
  write: 1,
  zero: 2,
  trim: 3,
  flush: 4,
  mark: 5,
  define: 6,
} as const;

export type RecordKindName = keyof typeof RECORD_KIND;
export type RecordKind = (typeof RECORD_KIND)[RecordKindName];

const NAMES = new Map<number, RecordKindName>(
  Object.entries(RECORD_KIND).map(([name, code]) => [code, name as RecordKindName]),
);

/** Name of a kind, undefined for a number that is none. */
export const recordKindName = (kind: number): RecordKindName | undefined => NAMES.get(kind);

export const isRecordKind = (kind: number): kind is RecordKind => NAMES.has(kind);

/** True for the kinds that change what a volume reads as. */
export const changesContent = (kind: RecordKind): boolean =>
  kind === RECORD_KIND.write || kind === RECORD_KIND.zero || kind === RECORD_KIND.trim;

/** True for the kinds whose payload is a msgpack body (record/body.ts). */
export const hasBody = (kind: RecordKind): boolean =>
  kind === RECORD_KIND.mark || kind === RECORD_KIND.define;

/** Bits of a record's flags. `compressed` and `encrypted` are reserved: refused by this version. */
export const RECORD_FLAG = {
  /** The guest asked for it to be durable when answered. */
  fua: 1,
  /** Not a guest's write: the first copy or a resync of what the disk held. */
  syncCopy: 2,
  compressed: 4,
  encrypted: 8,
} as const;

export const RECORD_FLAGS_KNOWN = RECORD_FLAG.fua | RECORD_FLAG.syncCopy;
