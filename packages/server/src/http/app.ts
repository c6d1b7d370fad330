import { RetraceError } from '@retrace/core';
import Fastify, { type FastifyBaseLogger, type FastifyInstance, LogController } from 'fastify';
import { requireTokens } from './auth-hook.js';
import type { HttpContext } from './context.js';
import { errorBody, httpStatus, routeError } from './error-reply.js';
import { bookmarkRoutes } from './routes/bookmarks.js';
import { healthRoutes } from './routes/health.js';
import { metricsRoutes } from './routes/metrics.js';
import { resolveRoutes } from './routes/resolve.js';
import { statusRoutes } from './routes/status.js';
import { timelineRoutes } from './routes/timeline.js';
import { tokenRoutes } from './routes/tokens.js';
import { verifyRoutes } from './routes/verify.js';
import { volumeRoutes } from './routes/volumes.js';

/** How late a request that takes too long may be noticed. */
const CONNECTIONS_CHECK_MS = 1000;

/** The HTTP API, a plugin per concern. Does not listen. */
export const buildApp = (context: HttpContext): FastifyInstance => {
  const { limits, logger } = context;
  const app = Fastify({
    loggerInstance: logger as FastifyBaseLogger,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: limits.bodyBytesMax,
    requestTimeout: limits.requestTimeoutMs,
    keepAliveTimeout: limits.keepAliveTimeoutMs,
    forceCloseConnections: true,
    return503OnClosing: true,
    http: {
      maxHeaderSize: limits.headerBytesMax,
      headersTimeout: limits.headersTimeoutMs,
      // Node looks every 30 s only, which would make 40 s of a limit of 10.
      connectionsCheckingInterval: Math.min(CONNECTIONS_CHECK_MS, limits.headersTimeoutMs),
    },
    ajv: { customOptions: { removeAdditional: false, coerceTypes: true } },
  });
  app.server.maxConnections = limits.connectionsMax;
  replyWithErrors(app, context);
  refuseWhenClosing(app, context);
  requireTokens(app, context.tokens);
  for (const plugin of [
    healthRoutes,
    metricsRoutes,
    statusRoutes,
    volumeRoutes,
    timelineRoutes,
    resolveRoutes,
    bookmarkRoutes,
    tokenRoutes,
    verifyRoutes,
  ]) {
    void app.register(plugin, context);
  }
  return app;
};

const replyWithErrors = (app: FastifyInstance, { logger, metrics }: HttpContext): void => {
  app.setErrorHandler((thrown, request, reply) => {
    const error = routeError(thrown);
    const route = request.routeOptions.url ?? 'unknown';
    metrics.errors.inc({ code: error.code, where: 'http' });
    if (error.code === 'INTERNAL') logger.error({ err: error, route }, 'request failed');
    else logger.debug({ code: error.code, route }, error.message);
    return reply.code(httpStatus(error.code)).send(errorBody(error));
  });
  app.setNotFoundHandler((request) => {
    throw new RetraceError('ROUTE_UNKNOWN', `there is no ${request.method} ${request.url}`);
  });
  app.addHook('onResponse', async (request, reply) => {
    const route = request.routeOptions.url ?? 'unknown';
    metrics.httpRequests.inc({ route, status: String(reply.statusCode) });
  });
};

const refuseWhenClosing = (app: FastifyInstance, { isClosing }: HttpContext): void => {
  app.addHook('onRequest', async (request) => {
    const open = request.routeOptions.config.role === 'anybody';
    if (isClosing() && !open) {
      throw new RetraceError('JOURNAL_CLOSED', 'the server is shutting down');
    }
  });
};
