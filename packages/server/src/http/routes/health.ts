import type { FastifyPluginAsync } from 'fastify';
import type { HttpContext } from '../context.js';

/** `/healthz`: the process answers. `/readyz`: all that is stored can be had. Open to all. */
export const healthRoutes: FastifyPluginAsync<HttpContext> = async (app, context) => {
  const config = { role: 'anybody' } as const;

  app.get('/healthz', { config }, async () => ({ ok: true }));

  app.get('/readyz', { config }, async (_request, reply) => {
    // No file names here: this route is open to all. `status` has the places.
    const problems = context.problems().map(({ code, message }) => ({ code, message }));
    if (context.isClosing()) {
      problems.push({ code: 'JOURNAL_CLOSED', message: 'the server is shutting down' });
    }
    return reply
      .code(problems.length === 0 ? 200 : 503)
      .send({ ok: problems.length === 0, problems });
  });
};
