import { RetraceError, systemErrorCode } from '@retrace/core';

const FULL = new Set(['ENOSPC', 'EDQUOT']);

/** The system error code of an error or of what caused it. */
export const rootErrorCode = (error: unknown): string | undefined => {
  for (let at = error, depth = 0; at instanceof Error && depth < 8; at = at.cause, depth++) {
    const code = systemErrorCode(at);
    if (code !== undefined && /^E[A-Z0-9]+$/.test(code)) return code;
  }
  return undefined;
};

/** LevelDB tells a full disk by its text only. */
const saysFull = (error: unknown): boolean => {
  for (let at = error, depth = 0; at instanceof Error && depth < 8; at = at.cause, depth++) {
    if (/No space left|Disk quota exceeded/.test(at.message)) return true;
  }
  return false;
};

/**
 * A failure of the storage as what the journal throws: DISK_FULL or STORAGE_FAILED, the cause kept.
 * @param what - what was being done, to which file
 */
export const storageError = (error: unknown, what: string): RetraceError => {
  if (error instanceof RetraceError) return error;
  const code = rootErrorCode(error);
  if (code === undefined ? saysFull(error) : FULL.has(code)) {
    return new RetraceError('DISK_FULL', `${what}: no space is left; free some`, { cause: error });
  }
  const why = error instanceof Error ? error.message : String(error);
  return new RetraceError('STORAGE_FAILED', `${what}: ${why}`, { cause: error });
};

const PASSING_CODES = new Set([
  ...['ENOSPC', 'EDQUOT', 'EMFILE', 'ENFILE', 'ENOMEM', 'EAGAIN'],
  ...['EACCES', 'EPERM', 'EROFS', 'EBUSY'],
]);

/** LevelDB tells errors by text only. */
const PASSING_TEXTS =
  /\block\b|No space left|Permission denied|Too many open files|Read-only|Cannot allocate memory/i;

/**
 * True for an error that says nothing of the stored bytes: time or an operator helps. What cannot
 * be read because of one is not damaged, and must not be counted as lost.
 */
export const isPassing = (error: unknown): boolean => {
  const code = rootErrorCode(error);
  if (code !== undefined) return PASSING_CODES.has(code);
  for (let at = error, depth = 0; at instanceof Error && depth < 8; at = at.cause, depth++) {
    if (PASSING_TEXTS.test(at.message)) return true;
  }
  return false;
};
