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

/** A request with a range. */
export type Change = Exclude<Request, { readonly kind: 'flush' }>;

export function isChange(request: Request): request is Change {
  return request.kind !== 'flush';
}

/** What reads back in its range afterwards: a trim is made deterministic, it reads as zeros. */
export function requestBytes(request: Change): Buffer {
  if (request.kind !== 'write') return Buffer.alloc(request.length);
  return new SeededRandom(request.content).bytes(request.length);
}

/** Sends it; resolves when it is answered. */
export async function send(client: NbdClient, request: Request): Promise<void> {
  switch (request.kind) {
    case 'write':
      return client.write(request.offset, requestBytes(request), { fua: request.fua });
    case 'zero':
      return client.writeZeroes(request.offset, request.length);
    case 'trim':
      return client.trim(request.offset, request.length);
    case 'flush':
      return client.flush();
  }
}

/** The disk after these requests, one after the other. */
export function applyAll(disk: Buffer, requests: readonly Request[]): Buffer {
  const after = Buffer.from(disk);
  for (const request of requests) {
    if (isChange(request)) requestBytes(request).copy(after, request.offset);
  }
  return after;
}

/**
 * Why a disk cannot have become another by these requests, which were in flight together; undefined
 * when it can: each byte is what some request left there that covers it, or the old one where none
 * does. The order among them is free.
 */
export function whyNotFinal(
  before: Buffer,
  after: Buffer,
  requests: readonly Request[],
): string | undefined {
  const changes = requests.filter(isChange).map((it) => ({ it, bytes: requestBytes(it) }));
  for (let at = 0; at < before.length; at++) {
    const covering = changes.filter(({ it }) => covers(it, at));
    const isKnown =
      covering.length === 0
        ? after[at] === before[at]
        : covering.some(({ it, bytes }) => bytes[at - it.offset] === after[at]);
    if (!isKnown) return `byte ${at} is ${after[at]}, which no request left there`;
  }
  return undefined;
}

/** Why one record cannot have made this difference; undefined when one request explains it all. */
export function whyNotOneRecord(
  before: Buffer,
  after: Buffer,
  requests: readonly Request[],
): string | undefined {
  const differing: number[] = [];
  for (let at = 0; at < before.length; at++) if (before[at] !== after[at]) differing.push(at);
  if (differing.length === 0) return undefined;
  const explains = (it: Change): boolean => {
    const bytes = requestBytes(it);
    return differing.every((at) => covers(it, at) && bytes[at - it.offset] === after[at]);
  };
  if (requests.filter(isChange).some(explains)) return undefined;
  return `no single request explains bytes ${differing[0]} to ${differing.at(-1)}`;
}

function covers({ offset, length }: Change, at: number): boolean {
  return at >= offset && at < offset + length;
}
