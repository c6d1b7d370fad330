import type { FastifyPluginAsync } from 'fastify';
import { requireUnscoped } from '../../auth/roles.js';
import { sampleMetrics } from '../../observe/sample-metrics.js';
import type { HttpContext } from '../context.js';

/** `/metrics`, for Prometheus. */
export const metricsRoutes: FastifyPluginAsync<HttpContext> = async (app, context) => {
  app.get('/metrics', { config: { role: 'viewer' } }, async (request, reply) => {
    requireUnscoped(request.caller);
    sampleMetrics(context);
    const { registry } = context.metrics;
    return reply.type(registry.contentType).send(await registry.metrics());
  });
};
