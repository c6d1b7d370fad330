/** Exit statuses of the command line (docs/errors.md). */
export const EXIT = { done: 0, failed: 1, usage: 2, refused: 3, unreachable: 4 } as const;

export type ExitStatus = (typeof EXIT)[keyof typeof EXIT];

interface ErrorCodeEntry {
  readonly exit: ExitStatus;
  /** What it means, in one line. */
  readonly summary: string;
}

const entry = (exit: ExitStatus, summary: string): ErrorCodeEntry => ({ exit, summary });

/**
 * Every error code of Retrace with its exit status and meaning. docs/errors.md has a paragraph for
 * each (a test holds the two together).
 */
export const RETRACE_ERROR_CODES = {
  // names and usage
  NAME_INVALID: entry(
    EXIT.usage,
    'a machine, volume, group, bookmark or clone name breaks the rule',
  ),
  INSTANT_INVALID: entry(EXIT.usage, 'the text is not an instant'),
  USAGE: entry(EXIT.usage, 'the command was called wrongly'),
  CONFIG_INVALID: entry(EXIT.usage, 'a configuration value is missing or wrong'),
  // instants that cannot be had
  INSTANT_WITHOUT_ZONE: entry(EXIT.refused, 'a time needs a zone: its readings are named'),
  INSTANT_IN_FUTURE: entry(EXIT.refused, 'the instant is after now'),
  INSTANT_NOT_YET_COMPLETE: entry(EXIT.refused, 'writes of that time may still be under way'),
  INSTANT_BEFORE_HORIZON: entry(EXIT.refused, 'the history does not reach back that far'),
  INSTANT_IN_GAP: entry(EXIT.refused, 'the volume has no consistent state at that instant'),
  INSTANT_IN_CLOCK_STEP: entry(EXIT.refused, "the agent's clock stood still then: two readings"),
  INSTANT_UNKNOWN: entry(EXIT.refused, 'no such seq or bookmark'),
  // who and what
  VOLUME_UNKNOWN: entry(EXIT.refused, 'the server knows no such volume'),
  GROUP_UNKNOWN: entry(EXIT.refused, 'the server knows no such group'),
  TOKEN_MISSING: entry(EXIT.refused, 'the server wants a token'),
  TOKEN_INVALID: entry(EXIT.refused, 'the token is unknown or was revoked'),
  TOKEN_UNKNOWN: entry(EXIT.refused, 'no token has that id'),
  TOKEN_ROLE: entry(EXIT.refused, "the token's role or machine does not allow this"),
  BOOKMARK_EXISTS: entry(EXIT.refused, 'the group has a bookmark of that name'),
  ROUTE_UNKNOWN: entry(EXIT.failed, 'the server has no such route'),
  SERVER_BUSY: entry(EXIT.failed, 'the server has as many connections as it may'),
  AGENT_AWAY: entry(EXIT.refused, 'this needs the agent, which is not connected'),
  // the session between agent and server
  PROTOCOL_VERSION: entry(EXIT.failed, 'agent and server speak no common protocol version'),
  FRAME_INVALID: entry(EXIT.failed, 'a message that is not of the protocol'),
  FRAME_TOO_LARGE: entry(EXIT.failed, 'a message over the size limit'),
  FRAME_CHECKSUM: entry(EXIT.failed, 'a message whose checksum does not match'),
  RECORD_INVALID: entry(EXIT.failed, 'a record outside its volume, or of wrong shape'),
  RECORD_CHECKSUM: entry(EXIT.failed, 'the bytes of a record do not match its checksum'),
  RECORD_HOLE: entry(EXIT.failed, 'record numbers are not dense'),
  RECORD_CONFLICT: entry(EXIT.failed, 'the same record number with other contents'),
  EPOCH_FENCED: entry(EXIT.refused, 'a newer agent has taken over this group'),
  EPOCH_TAKEN: entry(EXIT.refused, 'another agent runs with the same identity and epoch'),
  IDENTITY_CONFLICT: entry(EXIT.refused, 'a group or volume of that name is another one here'),
  SESSION_REPLACED: entry(EXIT.failed, 'the same agent has connected again'),
  ACKNOWLEDGED_LOSS: entry(EXIT.failed, 'the server lost records it had acknowledged'),
  CREDIT_EXCEEDED: entry(EXIT.failed, 'the agent sent more than it was allowed to'),
  INDEX_FULL: entry(EXIT.failed, 'the hot index has reached its limit: ingest waits'),
  // storage
  DATA_DIR_LOCKED: entry(EXIT.failed, 'another process uses the data directory'),
  DATA_DIR_FORMAT: entry(EXIT.failed, 'the data directory is not one this version can use'),
  STORAGE_FAILED: entry(EXIT.failed, 'a write or sync of the journal failed'),
  DISK_FULL: entry(EXIT.failed, 'no space is left for the journal'),
  CORRUPTION: entry(EXIT.failed, 'stored bytes are damaged or missing; the place is named'),
  JOURNAL_CLOSED: entry(EXIT.failed, 'the journal is shutting down'),
  // the agent and its disk
  VOLUME_IN_USE: entry(EXIT.failed, 'another process holds the backing file or device'),
  VOLUME_NOT_FOUND: entry(EXIT.failed, 'the backing file or device does not exist'),
  VOLUME_SIZE: entry(EXIT.failed, 'the volume is empty or larger than the limit'),
  STATE_INVALID: entry(EXIT.failed, "the agent's state folder is damaged or of another agent"),
  STATE_LOCKED: entry(EXIT.failed, 'another agent uses the state folder'),
  STATE_ON_VOLUME: entry(EXIT.failed, 'the state folder lies on the volume it protects'),
  // everything else
  SERVER_UNREACHABLE: entry(EXIT.unreachable, 'no server answers at that address'),
  PORT_IN_USE: entry(EXIT.failed, 'another process listens on that address'),
  LISTEN_REFUSED: entry(EXIT.refused, 'that address may not be listened on without TLS and tokens'),
  TOOL_MISSING: entry(EXIT.failed, 'a program that is needed is not installed'),
  MOUNT_FAILED: entry(EXIT.failed, 'the instant could not be mounted'),
  NOT_MOUNTED: entry(EXIT.failed, 'nothing is mounted there by retrace'),
  CHECK_FAILED: entry(EXIT.failed, 'a check found something wrong'),
  INTERNAL: entry(EXIT.failed, 'a mistake in Retrace itself'),
} as const satisfies Record<string, ErrorCodeEntry>;

export type ErrorCode = keyof typeof RETRACE_ERROR_CODES;

/** True for a code of the table. */
export const isErrorCode = (code: unknown): code is ErrorCode =>
  typeof code === 'string' && Object.hasOwn(RETRACE_ERROR_CODES, code);
