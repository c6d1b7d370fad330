import { AGENT_SOCKET_PATH, RetraceError } from '@retrace/core';

const SCHEMES: Readonly<Record<string, string>> = {
  'http:': 'ws:',
  'https:': 'wss:',
  'ws:': 'ws:',
  'wss:': 'wss:',
};

/**
 * Where the agent's WebSocket attaches, for the server's URL as everybody gives it.
 * @throws RetraceError CONFIG_INVALID
 */
export const agentSocketUrl = (server: string): string => {
  const url = URL.canParse(server) ? new URL(server) : undefined;
  const scheme = url === undefined ? undefined : SCHEMES[url.protocol];
  if (url === undefined || scheme === undefined || url.host === '') {
    const text = `"${server}" is not a server: write for example http://127.0.0.1:7400`;
    throw new RetraceError('CONFIG_INVALID', text);
  }
  return `${scheme}//${url.host}${AGENT_SOCKET_PATH}`;
};
