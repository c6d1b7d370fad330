import { RetraceError } from '@retrace/core';
import type { ApiClient } from '../client/api-client.js';
import { type JsonMap, mapOf, numberField, textField } from '../client/fields.js';

/** An instant of a volume, made exact: what it names does not move any more. */
export interface ResolvedVolume {
  readonly volume: string;
  /** `seq:N`. */
  readonly name: string;
  readonly seq: number;
  readonly timeUs: number | undefined;
  /** The server's whole answer. */
  readonly answer: JsonMap;
}

/**
 * Resolves `VOLUME@INSTANT` once; everything after it uses the exact name.
 * @throws ServerError when the instant cannot be had
 */
export const resolveVolume = async (api: ApiClient, target: string): Promise<ResolvedVolume> => {
  const answer = mapOf(await api.get('/v1/resolve', { target }));
  const volume = textField(answer, 'volume');
  const seq = numberField(answer, 'seq');
  if (answer === undefined || volume === undefined || seq === undefined) {
    throw new RetraceError('INTERNAL', `the server's answer names no volume and seq for ${target}`);
  }
  const name = textField(answer, 'name') ?? `seq:${seq}`;
  return { volume, name, seq, timeUs: numberField(answer, 'timeUs'), answer };
};
