import { type ErrorCode, type ExitStatus, RETRACE_ERROR_CODES } from './error-codes.js';

export interface RetraceErrorOptions {
  readonly cause?: unknown;
  /** Facts for programs: they go into JSON answers and logs as they are. */
  readonly details?: Readonly<Record<string, unknown>>;
}

/**
 * What Retrace throws: a stable code for programs, a message for a person that says what happened,
 * to which volume, and what to do next.
 */
export class RetraceError extends Error {
  override readonly name = 'RetraceError';
  readonly code: ErrorCode;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(code: ErrorCode, message: string, options: RetraceErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.details = options.details ?? {};
  }

  /** The command line's exit status for this error. */
  get exit(): ExitStatus {
    return RETRACE_ERROR_CODES[this.code].exit;
  }
}

/** Any thrown value as a RetraceError; what is not one becomes INTERNAL with its cause kept. */
export const toRetraceError = (error: unknown): RetraceError => {
  if (error instanceof RetraceError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new RetraceError('INTERNAL', message, { cause: error });
};

/** The `code` of a Node system error (`ENOSPC`), or undefined. */
export const systemErrorCode = (error: unknown): string | undefined => {
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
};
