import { RetraceError } from '@retrace/core';

export const DEFAULT_SERVER_URL = 'http://127.0.0.1:7400';

/**
 * Checks the address of a server.
 * @throws RetraceError USAGE
 */
export const parseServerUrl = (text: string): URL => {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
    throw new RetraceError(
      'USAGE',
      `"${text}" is not a server's address: write it as ${DEFAULT_SERVER_URL}`,
    );
  }
  if (url.username !== '' || url.search !== '' || url.hash !== '') {
    throw new RetraceError(
      'USAGE',
      `the server's address "${text}" may hold no user, query or fragment; tokens go to --token`,
    );
  }
  return url;
};
