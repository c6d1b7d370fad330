import { type ErrorCode, EXIT, type ExitStatus, RetraceError, toRetraceError } from '@retrace/core';

/** Statuses of codes that do not have the one of their exit status. */
const STATUS: Partial<Record<ErrorCode, number>> = {
  TOKEN_MISSING: 401,
  TOKEN_INVALID: 401,
  TOKEN_ROLE: 403,
  TOKEN_UNKNOWN: 404,
  VOLUME_UNKNOWN: 404,
  GROUP_UNKNOWN: 404,
  INSTANT_UNKNOWN: 404,
  ROUTE_UNKNOWN: 404,
  INSTANT_WITHOUT_ZONE: 400,
  FRAME_TOO_LARGE: 413,
  SERVER_BUSY: 503,
  AGENT_AWAY: 503,
  JOURNAL_CLOSED: 503,
  DISK_FULL: 507,
};

const STATUS_OF_EXIT: Readonly<Record<ExitStatus, number>> = {
  [EXIT.done]: 200,
  [EXIT.failed]: 500,
  [EXIT.usage]: 400,
  [EXIT.refused]: 409,
  [EXIT.unreachable]: 502,
};

/** The HTTP status of an error. */
export const httpStatus = (code: ErrorCode): number =>
  STATUS[code] ?? STATUS_OF_EXIT[new RetraceError(code, '').exit];

/** The body of every answer that is an error. */
export interface ErrorBody {
  readonly error: {
    readonly code: ErrorCode;
    readonly message: string;
    readonly exit: ExitStatus;
    readonly details: Readonly<Record<string, unknown>>;
  };
}

/** What a client may know of an error: of a mistake in Retrace itself, only that there was one. */
export const errorBody = (error: RetraceError): ErrorBody => {
  const { code, exit, details } = error;
  const message = code === 'INTERNAL' ? 'a mistake in Retrace itself; see the log' : error.message;
  return { error: { code, message, exit, details: code === 'INTERNAL' ? {} : details } };
};

/** What fastify throws itself (its codes begin with FST_), by the status it chose. */
const FASTIFY: Readonly<Record<number, ErrorCode>> = {
  400: 'USAGE',
  413: 'FRAME_TOO_LARGE',
  414: 'FRAME_TOO_LARGE',
  415: 'USAGE',
};

/** Any error of a route as a RetraceError. */
export const routeError = (error: unknown): RetraceError => {
  if (error instanceof RetraceError || !(error instanceof Error)) return toRetraceError(error);
  const status = 'statusCode' in error ? error.statusCode : undefined;
  const code = typeof status === 'number' ? FASTIFY[status] : undefined;
  return code === undefined
    ? toRetraceError(error)
    : new RetraceError(code, error.message, { cause: error });
};
