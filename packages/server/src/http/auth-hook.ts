import type { FastifyInstance, FastifyRequest } from 'fastify';
import { type Caller, type Role, requireRole } from '../auth/roles.js';
import type { TokenStore } from '../auth/token-store.js';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Who may use the route: this role or a stronger one; 'anybody': without a token too. */
    role?: Exclude<Role, 'agent'> | 'anybody';
  }
  interface FastifyRequest {
    /** Who asks; set before any route runs. */
    caller: Caller;
  }
}

/**
 * Lets pass who may. A route that names no role (an unknown one, say) is for viewers: nobody learns
 * without a token what there is.
 */
export const requireTokens = (app: FastifyInstance, tokens: TokenStore): void => {
  app.decorateRequest('caller', { getter: () => ({ kind: 'open' }) as Caller });
  app.addHook('onRequest', async (request: FastifyRequest) => {
    const role = request.routeOptions.config.role ?? 'viewer';
    if (role === 'anybody') return;
    const caller = tokens.authenticate(request.headers.authorization);
    requireRole(caller, role);
    Object.defineProperty(request, 'caller', { value: caller });
  });
};
