import { RetraceError } from '@retrace/core';
import { formatUri, parseUri } from '@retrace/nbd';
import type { ApiClient } from './api-client.js';
import { mapField, mapOf, textsField } from './fields.js';

/**
 * The address of one export on an NBD server.
 * @param base - `nbd://HOST:PORT` or `nbd+unix:///?socket=PATH`, as the server's ready line has it
 * @throws NbdError NBD_BAD_URI when `base` is no such address
 */
export const exportUri = (base: string, exportName: string): string =>
  formatUri({ ...parseUri(base), exportName });

/**
 * Where the server's NBD exports are: `given` where the user said so, else the first address the
 * server names.
 * @throws RetraceError SERVER_UNREACHABLE when it names none
 */
export const findNbdBase = async (api: ApiClient, given: string | undefined): Promise<string> => {
  if (given !== undefined) return given;
  const status = mapOf(await api.get('/v1/status'));
  const [first] = textsField(mapField(status, 'server'), 'nbd');
  if (first !== undefined) return first;
  throw new RetraceError(
    'SERVER_UNREACHABLE',
    `the server at ${api.url.origin} names no NBD address: start it with --nbd, or give the ` +
      'address with --nbd here',
  );
};
