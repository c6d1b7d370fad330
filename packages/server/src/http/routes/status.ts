import type { FastifyPluginAsync } from 'fastify';
import { serverStatus } from '../../status/server-status.js';
import type { HttpContext } from '../context.js';

/** `/v1/status`: the server, its agents and volumes, and what is wrong. */
export const statusRoutes: FastifyPluginAsync<HttpContext> = async (app, context) => {
  app.get('/v1/status', { config: { role: 'viewer' } }, async (request) =>
    serverStatus(context, request.caller),
  );
};
