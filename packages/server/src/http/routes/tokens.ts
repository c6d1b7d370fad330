import type { FastifyPluginAsync } from 'fastify';
import Type from 'typebox';
import { ROLES, requireUnscoped } from '../../auth/roles.js';
import type { TokenInfo } from '../../auth/token-store.js';
import type { HttpContext } from '../context.js';
import { timeFields } from '../format.js';
import type { TypeBox } from '../typed.js';

const Body = Type.Object({
  role: Type.Union(ROLES.map((role) => Type.Literal(role))),
  machine: Type.Optional(Type.String({ minLength: 1, maxLength: 63 })),
});
const Params = Type.Object({ id: Type.String({ maxLength: 64 }) });

/** `/v1/tokens`: who may use the server. The secret of a token is in one answer only. */
export const tokenRoutes: FastifyPluginAsync<HttpContext> = async (app, context) => {
  const config = { role: 'admin' } as const;
  const typed = app.withTypeProvider<TypeBox>();
  app.addHook('preHandler', async (request) => requireUnscoped(request.caller));

  typed.get('/v1/tokens', { config }, async () => context.tokens.list().map(tokenFields));

  typed.post('/v1/tokens', { config, schema: { body: Body } }, async (request, reply) => {
    const { role, machine } = request.body;
    const created = await context.tokens.create(role, machine);
    context.logger.info({ token: created.id, role, machine }, 'token created');
    return reply.code(201).send({
      id: created.id,
      token: created.token,
      role: created.role,
      machine: created.machine ?? null,
    });
  });

  typed.delete('/v1/tokens/:id', { config, schema: { params: Params } }, async (request) => {
    const revoked = await context.tokens.revoke(request.params.id);
    context.logger.info({ token: revoked.id }, 'token revoked');
    return tokenFields(revoked);
  });
};

/** A token as lists show it: two fields per time, null where there is none. */
export const tokenFields = (token: TokenInfo): object => ({
  id: token.id,
  role: token.role,
  machine: token.machine ?? null,
  created: timeFields(token.createdUs).time,
  createdUs: token.createdUs,
  lastUsed: token.lastUsedUs === undefined ? null : timeFields(token.lastUsedUs).time,
  lastUsedUs: token.lastUsedUs ?? null,
  revoked: token.revokedUs === undefined ? null : timeFields(token.revokedUs).time,
  revokedUs: token.revokedUs ?? null,
});
