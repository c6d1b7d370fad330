import { LIMITS } from '../limits.js';

declare const brand: unique symbol;
type Branded<Name extends string> = number & { readonly [brand]: Name };

/** Dense number of a record within its group, given by the server when it stores it; from 1. */
export type Seq = Branded<'Seq'>;
/** Dense number of a record within one journal server, over all groups; from 1. */
export type Lsn = Branded<'Lsn'>;
/** Microseconds since the Unix epoch. */
export type TimeUs = Branded<'TimeUs'>;
/** Grows with every start of an agent and every break in its record stream; from 1. */
export type Epoch = Branded<'Epoch'>;
/** Dense number of a record within its epoch; from 1. */
export type RecordNumber = Branded<'RecordNumber'>;
/** Byte position on a volume. */
export type ByteOffset = Branded<'ByteOffset'>;
/** Server-local number of a group; from 1. */
export type GroupId = Branded<'GroupId'>;
/** Server-local number of a volume; from 1, 0 stands for "the group as a whole". */
export type VolumeId = Branded<'VolumeId'>;

/** True for an exact, non-negative integer. */
export const isCount = (value: unknown): value is number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;

const make =
  <T extends number>(name: string, min: number) =>
  (value: number): T => {
    if (!Number.isSafeInteger(value) || value < min || value > LIMITS.integerMax) {
      throw new RangeError(`${name} must be an integer of at least ${min}, not ${value}`);
    }
    return value as T;
  };

/** Checked constructors: throw RangeError for what is not an exact integer in bounds. */
export const seq = make<Seq>('seq', 0);
export const lsn = make<Lsn>('lsn', 0);
export const timeUs = make<TimeUs>('time in microseconds', 0);
export const epoch = make<Epoch>('epoch', 0);
export const recordNumber = make<RecordNumber>('record number', 0);
export const byteOffset = make<ByteOffset>('byte offset', 0);
export const groupId = make<GroupId>('group id', 1);
export const volumeId = make<VolumeId>('volume id', 0);
