import { formatTarget, parseTargetInstant } from '@retrace/core';
import type { FastifyPluginAsync } from 'fastify';
import Type from 'typebox';
import { requireMachine } from '../../auth/roles.js';
import type { HttpContext } from '../context.js';
import { pointFields, volumeText } from '../format.js';
import { groupOf } from '../targets.js';
import type { TypeBox } from '../typed.js';

const Query = Type.Object({ target: Type.String({ maxLength: 512 }) });

/** `/v1/resolve`: the exact seq and time an instant stands for, or why it cannot be had. */
export const resolveRoutes: FastifyPluginAsync<HttpContext> = async (app, context) => {
  app
    .withTypeProvider<TypeBox>()
    .get(
      '/v1/resolve',
      { config: { role: 'viewer' }, schema: { querystring: Query } },
      async (request) => {
        const { target, request: instant } = parseTargetInstant(request.query.target);
        const group = groupOf(context.journal, target);
        requireMachine(request.caller, group.name);
        const found = await context.journal.resolve(target, instant);
        const names = group.volumes
          .filter(({ id }) => found.volumes?.includes(id) === true)
          .map(volumeText);
        return {
          ...(target.kind === 'group'
            ? { group: target.name, volumes: names }
            : { volume: formatTarget(target) }),
          ...pointFields(found),
          state: found.state,
          exact: found.exact,
          name: `seq:${found.seq}`,
          ...(found.before === undefined ? {} : { before: pointFields(found.before) }),
          ...(found.after === undefined ? {} : { after: pointFields(found.after) }),
        };
      },
    );
};
