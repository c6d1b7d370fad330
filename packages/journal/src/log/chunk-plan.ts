import { hasBody } from '@retrace/core';
import { CHUNK_HEADER_BYTES, RECORD_BYTES } from './chunk-layout.js';
import type { LogLimits } from './limits.js';
import type { LogInput } from './log-record.js';

/** A run of a commit's inputs that becomes one chunk: [from, to). */
export interface ChunkPlan {
  readonly from: number;
  readonly to: number;
  /** Bytes of checksums and bodies, padded. */
  readonly inlineBytes: number;
  readonly payloadBytes: number;
}

export const paddedBytes = (bytes: number): number => (bytes + 3) & ~3;

const inlineBytesOf = (input: LogInput): number =>
  input.checksums.length * 4 + (hasBody(input.kind) ? paddedBytes(input.payload.length) : 0);

/** Splits a commit; without records it is one empty chunk. */
export const planChunks = (inputs: readonly LogInput[], limits: LogLimits): ChunkPlan[] => {
  const chunks: ChunkPlan[] = [];
  let from = 0;
  let inlineBytes = 0;
  let payloadBytes = 0;
  for (let i = 0; i < inputs.length; i++) {
    const input = inputs[i]!;
    const inline = inlineBytesOf(input);
    const payload = hasBody(input.kind) ? 0 : input.payload.length;
    const full =
      i - from >= limits.chunkRecordsMax ||
      inlineBytes + inline > limits.chunkInlineBytesMax ||
      payloadBytes + payload > limits.chunkPayloadBytesMax;
    if (full && i > from) {
      chunks.push({ from, to: i, inlineBytes, payloadBytes });
      from = i;
      inlineBytes = 0;
      payloadBytes = 0;
    }
    inlineBytes += inline;
    payloadBytes += payload;
  }
  chunks.push({ from, to: inputs.length, inlineBytes, payloadBytes });
  return chunks;
};

/** Bytes of a commit's entries, but for its watermarks. */
export const plannedEntryBytes = (chunks: readonly ChunkPlan[]): number => {
  let bytes = 0;
  for (const { from, to, inlineBytes } of chunks) {
    bytes += CHUNK_HEADER_BYTES + (to - from) * RECORD_BYTES + inlineBytes;
  }
  return bytes;
};

/** Bytes of a commit's payloads. */
export const plannedPayloadBytes = (chunks: readonly ChunkPlan[]): number => {
  let bytes = 0;
  for (const { payloadBytes } of chunks) bytes += payloadBytes;
  return bytes;
};
