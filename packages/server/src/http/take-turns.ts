import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import type { TurnQueue } from '@retrace/nbd';

type Accept = (socket: Socket) => void;

/**
 * Has an HTTP server take new connections in their turn, not all that came at once: Node documents
 * that a server may be handed connections by its `connection` event.
 */
export const acceptInTurns = (server: Server, turns: TurnQueue): void => {
  const listeners = server.listeners('connection') as Accept[];
  server.removeAllListeners('connection');
  server.on('connection', (socket) => {
    // Until Node's own listeners have it, nobody else would take an error of it.
    const ignore = (): void => {};
    socket.on('error', ignore);
    turns.run(() => {
      if (socket.destroyed) return;
      for (const accept of listeners) accept.call(server, socket);
      socket.off('error', ignore);
    });
  });
};
