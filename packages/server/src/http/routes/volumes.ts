import { formatTarget, parseVolumeRef, RetraceError } from '@retrace/core';
import type { FastifyPluginAsync } from 'fastify';
import Type from 'typebox';
import { requireMachine } from '../../auth/roles.js';
import { groupVolumes, visibleGroups } from '../../status/server-status.js';
import type { HttpContext } from '../context.js';
import { groupOfVolume } from '../targets.js';
import type { TypeBox } from '../typed.js';

const Query = Type.Object({ volume: Type.Optional(Type.String({ maxLength: 256 })) });

/** `/v1/volumes`: the list, or one volume of it. */
export const volumeRoutes: FastifyPluginAsync<HttpContext> = async (app, context) => {
  app
    .withTypeProvider<TypeBox>()
    .get(
      '/v1/volumes',
      { config: { role: 'viewer' }, schema: { querystring: Query } },
      async (request) => {
        const nowUs = context.clock.nowUs();
        const { volume } = request.query;
        if (volume === undefined) {
          const groups = visibleGroups(context, request.caller);
          return groups.flatMap((group) => groupVolumes(context, group, nowUs));
        }
        const ref = parseVolumeRef(volume);
        const group = groupOfVolume(context.journal, ref);
        requireMachine(request.caller, group.name);
        const name = formatTarget(ref);
        const found = groupVolumes(context, group, nowUs).filter((each) => each.volume === name);
        if (found.length === 0) throw new RetraceError('VOLUME_UNKNOWN', `no volume ${name}`);
        return found;
      },
    );
};
