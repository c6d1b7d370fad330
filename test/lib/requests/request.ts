import type { NbdClient } from '@retrace/nbd';
import { SeededRandom } from '../seeded-random.js';

/** One request of a guest that changes its disk, or a flush. */
export type Request =
  | {
      readonly kind: 'write';
      readonly offset: number;
      readonly length: number;
      /** What it writes: {@link requestBytes}. */
      readonly content: number;
      readonly fua: boolean;
    }
  | { readonly kind: 'zero' | 'trim'; readonly offset: number; readonly length: number }
  | { readonly kind: 'flush' };

/** Bytes that read back from there afterwards. */
export interface Effect {
  readonly offset: number;
  readonly bytes: Buffer;
}

const BLOCK_BYTES = 4096;

/** What requests leave on a disk of this size, each by itself. */
export function effectsOf(requests: readonly Request[], sizeBytes: number): Effect[] {
  return requests.flatMap((request) => effectOf(request, sizeBytes));
}

function effectOf(request: Request, sizeBytes: number): readonly Effect[] {
  switch (request.kind) {
    case 'write':
      return [{ offset: request.offset, bytes: contentOf(request.content, request.length) }];
    case 'zero':
      return [{ offset: request.offset, bytes: Buffer.alloc(request.length) }];
    case 'trim':
      return trimmed(request.offset, request.offset + request.length, sizeBytes);
    case 'flush':
      return [];
  }
}

/** A trim is made deterministic: whole blocks read as zeros, a block covered in part stays. */
function trimmed(offset: number, end: number, sizeBytes: number): readonly Effect[] {
  const from = Math.ceil(offset / BLOCK_BYTES) * BLOCK_BYTES;
  const to = end === sizeBytes ? end : Math.floor(end / BLOCK_BYTES) * BLOCK_BYTES;
  return to > from ? [{ offset: from, bytes: Buffer.alloc(to - from) }] : [];
}

function contentOf(content: number, length: number): Buffer {
  return new SeededRandom(content).bytes(length);
}

/** Sends it; resolves when it is answered. */
export async function send(client: NbdClient, request: Request): Promise<void> {
  switch (request.kind) {
    case 'write': {
      const { offset, length, content, fua } = request;
      return client.write(offset, contentOf(content, length), { fua });
    }
    case 'zero':
      return client.writeZeroes(request.offset, request.length);
    case 'trim':
      return client.trim(request.offset, request.length);
    case 'flush':
      return client.flush();
  }
}

/** The disk after these effects, one after the other. */
export function applyAll(disk: Buffer, effects: readonly Effect[]): Buffer {
  const after = Buffer.from(disk);
  for (const { offset, bytes } of effects) bytes.copy(after, offset);
  return after;
}

/**
 * Why a disk cannot have become another by requests with these effects, which were in flight
 * together; undefined when it can: each byte is what some effect left there that covers it, or the
 * old one where none does. The order among them is free.
 */
export function whyNotFinal(
  before: Buffer,
  after: Buffer,
  effects: readonly Effect[],
): string | undefined {
  for (let at = 0; at < before.length; at++) {
    const covering = effects.filter((effect) => covers(effect, at));
    const isKnown =
      covering.length === 0
        ? after[at] === before[at]
        : covering.some(({ offset, bytes }) => bytes[at - offset] === after[at]);
    if (!isKnown) return `byte ${at} is ${after[at]}, which no request left there`;
  }
  return undefined;
}

/** Why one record cannot have made this difference; undefined when one effect explains it all. */
export function whyNotOneRecord(
  before: Buffer,
  after: Buffer,
  effects: readonly Effect[],
): string | undefined {
  const differing: number[] = [];
  for (let at = 0; at < before.length; at++) if (before[at] !== after[at]) differing.push(at);
  if (differing.length === 0) return undefined;
  const explains = (effect: Effect): boolean =>
    differing.every((at) => covers(effect, at) && effect.bytes[at - effect.offset] === after[at]);
  if (effects.some(explains)) return undefined;
  return `no single request explains bytes ${differing[0]} to ${differing.at(-1)}`;
}

function covers({ offset, bytes }: Effect, at: number): boolean {
  return at >= offset && at < offset + bytes.length;
}
