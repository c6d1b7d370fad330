import { type IncomingMessage, type Server, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { AGENT_SOCKET_PATH, LIMITS, RetraceError, toRetraceError } from '@retrace/core';
import type { Logger } from 'pino';
import { WebSocketServer } from 'ws';
import { requireAgent } from '../auth/roles.js';
import type { TokenStore } from '../auth/token-store.js';
import { errorBody, httpStatus } from '../http/error-reply.js';
import type { Metrics } from '../observe/metrics.js';
import { AgentSocket } from './agent-socket.js';
import type { SessionHub } from './session-hub.js';

export interface UpgradeOptions {
  readonly server: Server;
  readonly hub: SessionHub;
  readonly tokens: TokenStore;
  readonly metrics: Metrics;
  readonly logger: Logger;
}

/** Turns upgrades at AGENT_SOCKET_PATH into sessions; all others are refused by name. */
export const acceptAgents = ({ server, hub, tokens, metrics, logger }: UpgradeOptions): void => {
  const sockets = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    maxPayload: LIMITS.frameBytesMax,
    perMessageDeflate: false,
    skipUTF8Validation: true,
    WebSocket: AgentSocket,
  });
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    // From here to the end of the connection: a reset by the peer is no event.
    socket.on('error', () => socket.destroy());
    try {
      checkPath(request);
      hub.checkRoom();
      const caller = tokens.authenticate(request.headers.authorization);
      requireAgent(caller);
      const plain = socket as Socket;
      plain.setNoDelay(true);
      sockets.handleUpgrade(request, socket, head, (ws) => hub.open(ws, plain, caller));
    } catch (error) {
      const refusal = toRetraceError(error);
      metrics.errors.inc({ code: refusal.code, where: 'upgrade' });
      logger.warn(
        { code: refusal.code, remote: (socket as Socket).remoteAddress },
        refusal.message,
      );
      refuseUpgrade(socket, refusal);
    }
  });
};

const checkPath = ({ url = '' }: IncomingMessage): void => {
  const [path] = url.split('?', 1);
  if (path === AGENT_SOCKET_PATH) return;
  throw new RetraceError('ROUTE_UNKNOWN', `agents connect to ${AGENT_SOCKET_PATH}`);
};

/** Answers with plain HTTP, as nobody else does for a socket that was handed out. */
const refuseUpgrade = (socket: Duplex, error: RetraceError): void => {
  const status = httpStatus(error.code);
  const body = JSON.stringify(errorBody(error));
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n` +
      'content-type: application/json; charset=utf-8\r\n' +
      `content-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
    () => socket.destroy(),
  );
};
