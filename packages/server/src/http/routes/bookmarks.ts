import { checkName, parseTarget, RetraceError } from '@retrace/core';
import type { FastifyPluginAsync } from 'fastify';
import Type from 'typebox';
import { requireMachine } from '../../auth/roles.js';
import type { HttpContext } from '../context.js';
import { pointFields } from '../format.js';
import { groupOf } from '../targets.js';
import type { TypeBox } from '../typed.js';

const Body = Type.Object({
  target: Type.String({ maxLength: 256 }),
  name: Type.String({ maxLength: 256 }),
});

/** `/v1/bookmarks`: names the present instant of a group, through its agent. */
export const bookmarkRoutes: FastifyPluginAsync<HttpContext> = async (app, context) => {
  let waiting = 0;
  app
    .withTypeProvider<TypeBox>()
    .post(
      '/v1/bookmarks',
      { config: { role: 'operator' }, schema: { body: Body } },
      async (request) => {
        const name = checkName(request.body.name, 'bookmark name');
        const group = groupOf(context.journal, parseTarget(request.body.target));
        requireMachine(request.caller, group.name);
        if (group.bookmark(name) !== undefined) {
          throw new RetraceError('BOOKMARK_EXISTS', `group ${group.name} has a bookmark ${name}`);
        }
        if (waiting >= context.limits.bookmarksPendingMax) {
          throw new RetraceError('SERVER_BUSY', `${waiting} bookmarks are being made already`);
        }
        waiting += 1;
        try {
          await context.hub.bookmark(group.name, name);
        } finally {
          waiting -= 1;
        }
        const bookmark = group.bookmark(name);
        if (bookmark === undefined) {
          throw new RetraceError('CHECK_FAILED', 'the agent named a record that is no bookmark');
        }
        const { consistency } = bookmark;
        return { group: group.name, name, ...pointFields(bookmark), consistency };
      },
    );
};
