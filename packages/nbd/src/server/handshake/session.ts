import { asNbdError, NbdError } from '../../errors.js';
import type { NbdConnection, NbdExport } from '../../export/export.js';
import type { ServerContext } from '../context.js';
import type { Agreement } from '../transmission/transmission.js';
import type { HandshakeChannel } from './channel.js';

/** One handshake, as its options see it. */
export interface HandshakeSession {
  readonly channel: HandshakeChannel;
  readonly context: ServerContext;
  readonly connection: NbdConnection;
  /** The server is shutting down: nothing may be opened any more. */
  readonly draining: () => boolean;
  /** What the options so far have agreed on. */
  readonly agreed: NegotiatedState;
  /** The client does not want the 124 zeros behind EXPORT_NAME. */
  readonly noZeroes: boolean;
}

/** What options change for those after them. */
export interface NegotiatedState {
  structured: boolean;
  /** Name of the export base:allocation was chosen for. */
  allocationFor: string | undefined;
}

/** What an option leads to: the next option, the transmission phase, or the end. */
export type OptionOutcome = 'continue' | 'abort' | Agreement;

/** Answers one option. Throws NbdError to refuse it. */
export type OptionHandler = (
  session: HandshakeSession,
  option: number,
  data: Buffer,
) => Promise<OptionOutcome>;

/** Opens an export for a session; what is not an NbdError is reported and becomes one. */
export async function openExport(
  session: HandshakeSession,
  name: string,
  purpose: 'info' | 'go',
): Promise<NbdExport> {
  const { context, connection } = session;
  const shutdown = (): NbdError => new NbdError('NBD_SHUTDOWN', 'the server is shutting down');
  if (session.draining()) throw shutdown();
  let handle: NbdExport;
  try {
    handle = await context.provider.open(name, connection, purpose);
  } catch (error) {
    throw reported(session, 'open', error);
  }
  if (!session.draining() && !connection.closed.aborted) return handle;
  await closeExport(session, handle);
  throw session.draining() ? shutdown() : new NbdError('NBD_DISCONNECTED', 'the peer is gone');
}

/** Closes a handle; a failure is reported and goes no further. */
export async function closeExport(
  session: { readonly context: ServerContext; readonly connection: NbdConnection },
  handle: NbdExport,
): Promise<void> {
  try {
    await handle.close();
  } catch (error) {
    const connection = session.connection.id;
    session.context.emit({ kind: 'backend-failed', connection, operation: 'close', error });
  }
}

/** The error as an NbdError, after an unforeseen one was reported. */
export function reported(
  session: HandshakeSession,
  operation: 'open' | 'list',
  error: unknown,
): NbdError {
  if (!(error instanceof NbdError)) {
    const connection = session.connection.id;
    session.context.emit({ kind: 'backend-failed', connection, operation, error });
  }
  return asNbdError(error);
}
