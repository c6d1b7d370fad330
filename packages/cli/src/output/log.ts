import { RetraceError } from '@retrace/core';
import { destination, type Logger, pino } from 'pino';

const LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'];

/**
 * The log of a long-running command: JSON lines on stderr (stdout belongs to events). The level
 * comes from RETRACE_LOG, `info` by default.
 * @throws RetraceError CONFIG_INVALID for an unknown level
 */
export const createLogger = (
  name: string,
  env: Readonly<Record<string, string | undefined>>,
): Logger => {
  const level = env.RETRACE_LOG || 'info';
  if (!LEVELS.includes(level)) {
    throw new RetraceError(
      'CONFIG_INVALID',
      `RETRACE_LOG: there is no level "${level}"; it is one of ${LEVELS.join(', ')}`,
    );
  }
  return pino({ name, level }, destination({ fd: 2, sync: true }));
};
