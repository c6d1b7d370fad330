import { EXIT, isErrorCode, RETRACE_ERROR_CODES, RetraceError } from '@retrace/core';
import { NbdError } from '@retrace/nbd';
import { CommanderError } from 'commander';
import { CheckFailed } from './check-failed.js';
import { ServerError } from './client/server-error.js';

/** How a command failed, as scripts and people are told. */
export interface Failure {
  readonly code: string;
  readonly message: string;
  readonly exit: number;
  readonly details: Readonly<Record<string, unknown>>;
  /** What a check found, which stands beside the error with --json. */
  readonly report?: object;
}

/** The server refuses an export with a code of its own, which the client hands on. */
const nbdFailure = ({ code, message }: NbdError): Failure => {
  if (isErrorCode(code))
    return { code, message, exit: RETRACE_ERROR_CODES[code].exit, details: {} };
  if (code !== 'NBD_CONNECT_FAILED') return { code, message, exit: EXIT.failed, details: {} };
  return {
    code: 'SERVER_UNREACHABLE',
    message: `${message}: is the server running, and on this machine? (or give --nbd)`,
    exit: EXIT.unreachable,
    details: {},
  };
};

/** Commander's texts begin with `error: `, and may end with a suggestion on a line of its own. */
const usageFailure = (error: CommanderError): Failure => ({
  code: 'USAGE',
  message: error.message.replace(/^error: /, ''),
  exit: EXIT.usage,
  details: {},
});

/** Any thrown value as what is shown of it. What nobody foresaw is INTERNAL. */
export const toFailure = (error: unknown): Failure => {
  if (error instanceof CheckFailed) {
    const { code, message, exit, details, report } = error;
    return { code, message, exit, details, report };
  }
  if (error instanceof ServerError || error instanceof RetraceError) {
    const { code, message, exit, details } = error;
    return { code, message, exit, details };
  }
  if (error instanceof NbdError) return nbdFailure(error);
  if (error instanceof CommanderError) return usageFailure(error);
  const message = error instanceof Error ? error.message : String(error);
  return { code: 'INTERNAL', message, exit: EXIT.failed, details: {} };
};

/** The one line on stderr. */
export const failureLine = ({ code, message }: Failure): string =>
  `retrace: ${code}: ${message.trim().replace(/\s*\n\s*/g, ' ')}\n`;

/** The JSON on stdout. */
export const failureJson = ({ code, message, exit, details, report }: Failure): object => ({
  ...report,
  error: { code, message, exit, ...(Object.keys(details).length === 0 ? {} : { details }) },
});
