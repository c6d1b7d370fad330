import { asNbdError, NbdError } from '../../errors.js';
import type { NbdConnection } from '../../export/export.js';
import {
  GREETING_MAGIC,
  HandshakeFlag,
  OPTION_HEADER_BYTES,
  OPTION_MAGIC,
  Option,
} from '../../protocol/constants.js';
import type { ServerContext } from '../context.js';
import type { Agreement } from '../transmission/transmission.js';
import type { HandshakeChannel } from './channel.js';
import { answerExportName, answerInfoOrGo } from './export-options.js';
import { answerMetaContext } from './meta-options.js';
import {
  answerAbort,
  answerList,
  answerStartTls,
  answerStructuredReply,
  answerUnknown,
} from './plain-options.js';
import type { HandshakeSession, OptionHandler, OptionOutcome } from './session.js';

const HANDLERS: ReadonlyMap<number, OptionHandler> = new Map<number, OptionHandler>([
  [Option.EXPORT_NAME, answerExportName],
  [Option.ABORT, answerAbort],
  [Option.LIST, answerList],
  [Option.STARTTLS, answerStartTls],
  [Option.INFO, answerInfoOrGo],
  [Option.GO, answerInfoOrGo],
  [Option.STRUCTURED_REPLY, answerStructuredReply],
  [Option.LIST_META_CONTEXT, answerMetaContext],
  [Option.SET_META_CONTEXT, answerMetaContext],
]);

const KNOWN_FLAGS = HandshakeFlag.FIXED_NEWSTYLE | HandshakeFlag.NO_ZEROES;

/**
 * The fixed newstyle handshake, until an export is chosen (an agreement) or the client says
 * goodbye (undefined).
 *
 * @throws NbdError why the connection must be closed.
 */
export async function negotiate(
  channel: HandshakeChannel,
  context: ServerContext,
  connection: NbdConnection,
  draining: () => boolean,
): Promise<Agreement | undefined> {
  await context.turns.take();
  const noZeroes = await greet(channel);
  const agreed = { structured: false, allocationFor: undefined };
  const session = { channel, context, connection, draining, agreed, noZeroes };
  for (let count = 0; count < context.limits.optionsMax; count++) {
    const outcome = await answerNext(session);
    if (outcome === 'abort') return undefined;
    if (outcome !== 'continue') return outcome;
  }
  throw new NbdError('NBD_TOO_MANY_OPTIONS', `more than ${context.limits.optionsMax} options`);
}

async function greet(channel: HandshakeChannel): Promise<boolean> {
  const greeting = Buffer.alloc(18);
  greeting.writeBigUInt64BE(GREETING_MAGIC, 0);
  greeting.writeBigUInt64BE(OPTION_MAGIC, 8);
  greeting.writeUInt16BE(KNOWN_FLAGS, 16);
  await channel.send(greeting);
  await channel.flush();
  const flags = (await channel.reader.read(4)).readUInt32BE(0);
  if ((flags & ~KNOWN_FLAGS) !== 0) {
    throw new NbdError('NBD_BAD_CLIENT_FLAGS', `client flags 0x${flags.toString(16)}`);
  }
  return (flags & HandshakeFlag.NO_ZEROES) !== 0;
}

async function answerNext(session: HandshakeSession): Promise<OptionOutcome> {
  const { channel, context } = session;
  const header = await channel.reader.read(OPTION_HEADER_BYTES);
  if (header.readBigUInt64BE(0) !== OPTION_MAGIC) {
    throw new NbdError('NBD_BAD_MAGIC', 'an option does not begin with its magic');
  }
  const option = header.readUInt32BE(8);
  const length = header.readUInt32BE(12);
  if (length > context.limits.optionBytesMax) {
    throw new NbdError('NBD_OPTION_TOO_LARGE', `option ${option} has ${length} bytes`);
  }
  const data = await channel.reader.read(length);
  await context.turns.take();
  const handler = HANDLERS.get(option) ?? answerUnknown;
  try {
    const outcome = await handler(session, option, data);
    await channel.flush();
    return outcome;
  } catch (cause) {
    const error = asNbdError(cause);
    // EXPORT_NAME has no way to say no; a peer that is gone hears nothing.
    if (option === Option.EXPORT_NAME || error.code === 'NBD_DISCONNECTED') throw error;
    const connection = session.connection.id;
    context.emit({ kind: 'option-refused', connection, option, error });
    await channel.refuse(option, error);
    await channel.flush();
    return 'continue';
  }
}
