import { NbdError } from '../../errors.js';
import type { NbdExportListing } from '../../export/export.js';
import { OptionReply } from '../../protocol/constants.js';
import { encodeText } from '../../protocol/text.js';
import { OptionData } from './option-data.js';
import { type HandshakeSession, type OptionOutcome, reported } from './session.js';

/** ABORT: a goodbye, with or without data. */
export async function answerAbort(
  session: HandshakeSession,
  option: number,
): Promise<OptionOutcome> {
  await session.channel.acknowledge(option);
  await session.channel.flush();
  return 'abort';
}

/** LIST: the names of all exports, each with its description. */
export async function answerList(
  session: HandshakeSession,
  option: number,
  data: Buffer,
): Promise<OptionOutcome> {
  new OptionData(data).end();
  let listing: readonly NbdExportListing[];
  try {
    listing = await session.context.provider.list();
  } catch (error) {
    throw reported(session, 'list', error);
  }
  for (const { name, description } of listing) {
    const nameBytes = encodeText(name);
    const descriptionBytes = encodeText(description ?? '');
    const length = Buffer.allocUnsafe(4);
    length.writeUInt32BE(nameBytes.length, 0);
    const reply = Buffer.concat([length, nameBytes, descriptionBytes]);
    await session.channel.reply(option, OptionReply.SERVER, reply);
  }
  await session.channel.acknowledge(option);
  return 'continue';
}

/** STRUCTURED_REPLY: from here on READ is answered in chunks. */
export async function answerStructuredReply(
  session: HandshakeSession,
  option: number,
  data: Buffer,
): Promise<OptionOutcome> {
  new OptionData(data).end();
  session.agreed.structured = true;
  await session.channel.acknowledge(option);
  return 'continue';
}

/**
 * STARTTLS: not supported yet. This is where it goes: answer, wrap the stream, and forget all that
 * was agreed before (`session.agreed`), as the protocol demands.
 */
export function answerStartTls(): Promise<OptionOutcome> {
  return Promise.reject(new NbdError('NBD_UNSUPPORTED', 'this server does not do TLS'));
}

/** Anything else. */
export function answerUnknown(_session: HandshakeSession, option: number): Promise<OptionOutcome> {
  return Promise.reject(new NbdError('NBD_UNSUPPORTED', `option ${option} is not supported`));
}
