import { PassThrough } from 'node:stream';
import { parseVolumeRef, RetraceError, toRetraceError, type VolumeId } from '@retrace/core';
import type { FastifyPluginAsync, FastifyRequest } from 'fastify';
import Type from 'typebox';
import { requireMachine, requireUnscoped } from '../../auth/roles.js';
import type { VerifyProgress } from '../../journal-port.js';
import type { HttpContext } from '../context.js';
import { errorBody } from '../error-reply.js';
import { groupOfVolume } from '../targets.js';
import type { TypeBox } from '../typed.js';

const Body = Type.Object({ volume: Type.Optional(Type.String({ maxLength: 256 })) });
const PROGRESS_INTERVAL_MS = 200;

/** `/v1/verify`: reads everything again and compares; lines of JSON while it runs. */
export const verifyRoutes: FastifyPluginAsync<HttpContext> = async (app, context) => {
  let running = 0;
  app
    .withTypeProvider<TypeBox>()
    .post(
      '/v1/verify',
      { config: { role: 'operator' }, schema: { body: Type.Optional(Body) } },
      async (request, reply) => {
        const volumeId = volumeOf(context, request, request.body?.volume);
        if (running >= context.limits.verifiesMax) {
          throw new RetraceError('SERVER_BUSY', 'a check of the journal is running already');
        }
        running += 1;
        const lines = new PassThrough();
        const abort = new AbortController();
        lines.once('close', () => abort.abort());
        void writeLines(context, volumeId, lines, abort.signal).finally(() => {
          running -= 1;
        });
        return reply.type('application/x-ndjson').send(lines);
      },
    );
};

const volumeOf = (
  { journal }: HttpContext,
  { caller }: FastifyRequest,
  volume: string | undefined,
): VolumeId | undefined => {
  if (volume === undefined) {
    requireUnscoped(caller);
    return undefined;
  }
  const ref = parseVolumeRef(volume);
  requireMachine(caller, groupOfVolume(journal, ref).name);
  return journal.volumeByRef(ref).id;
};

const writeLines = async (
  { verify, logger }: HttpContext,
  volumeId: VolumeId | undefined,
  lines: PassThrough,
  signal: AbortSignal,
): Promise<void> => {
  const line = (value: object): void => {
    if (!signal.aborted) lines.write(`${JSON.stringify(value)}\n`);
  };
  let nextMs = 0;
  const onProgress = (progress: VerifyProgress): void => {
    // A client that does not read has lines wait in memory: not many.
    if (performance.now() < nextMs || lines.writableNeedDrain) return;
    nextMs = performance.now() + PROGRESS_INTERVAL_MS;
    line({ progress });
  };
  try {
    const result = await verify({ volumeId, onProgress, signal });
    line({ result });
  } catch (thrown) {
    const error = toRetraceError(thrown);
    logger.error({ err: error }, 'verify failed');
    line(errorBody(error));
  }
  lines.end();
};
