import type { NbdExport } from '../../export/export.js';
import { type BlockSizes, blockSizes, transmissionFlags } from '../../export/facts.js';
import {
  EXPORT_NAME_PADDING_BYTES,
  InfoType,
  Option,
  OptionReply,
} from '../../protocol/constants.js';
import { decodeText, encodeText } from '../../protocol/text.js';
import { requestFacts } from '../transmission/request-check.js';
import type { Agreement } from '../transmission/transmission.js';
import { OptionData } from './option-data.js';
import {
  closeExport,
  type HandshakeSession,
  type OptionOutcome,
  openExport,
  reported,
} from './session.js';

/** INFO and GO: tell about an export, and use it. */
export async function answerInfoOrGo(
  session: HandshakeSession,
  option: number,
  data: Buffer,
): Promise<OptionOutcome> {
  const fields = new OptionData(data);
  const name = fields.text();
  const wanted = new Set<number>();
  for (let left = fields.uint16(); left > 0; left--) wanted.add(fields.uint16());
  fields.end();
  const purpose = option === Option.GO ? 'go' : 'info';
  const handle = await openExport(session, name, purpose);
  try {
    const agreement = agreementOn(session, name, handle);
    const { channel } = session;
    for (const info of infoReplies(session, handle, agreement.facts.blocks, wanted)) {
      await channel.reply(option, OptionReply.INFO, info);
    }
    await channel.acknowledge(option);
    if (purpose === 'go') {
      await channel.flush();
      return agreement;
    }
  } catch (error) {
    await closeExport(session, handle);
    throw error;
  }
  await closeExport(session, handle);
  return 'continue';
}

/** EXPORT_NAME: the old way to use an export. Has no way to say no: throws, and that is the end. */
export async function answerExportName(
  session: HandshakeSession,
  _option: number,
  data: Buffer,
): Promise<OptionOutcome> {
  const name = decodeText(data);
  const handle = await openExport(session, name, 'go');
  try {
    const agreement = agreementOn(session, name, handle);
    const padding = session.noZeroes ? 0 : EXPORT_NAME_PADDING_BYTES;
    const reply = Buffer.alloc(10 + padding);
    reply.writeBigUInt64BE(BigInt(handle.info.sizeBytes), 0);
    reply.writeUInt16BE(transmissionFlags(handle.info, session.agreed.structured), 8);
    await session.channel.send(reply);
    await session.channel.flush();
    return agreement;
  } catch (error) {
    await closeExport(session, handle);
    throw error;
  }
}

function agreementOn(session: HandshakeSession, name: string, handle: NbdExport): Agreement {
  const { agreed } = session;
  const { info } = handle;
  try {
    const blocks = blockSizes(info, session.context.limits);
    const flags = transmissionFlags(info, agreed.structured);
    const extents = agreed.allocationFor === name && handle.extents !== undefined;
    const facts = requestFacts(info.sizeBytes, blocks, flags, agreed.structured, extents);
    return { handle, exportName: name, facts, structured: agreed.structured };
  } catch (error) {
    throw reported(session, 'open', error);
  }
}

function infoReplies(
  session: HandshakeSession,
  handle: NbdExport,
  blocks: BlockSizes,
  wanted: ReadonlySet<number>,
): readonly Buffer[] {
  const { info } = handle;
  const about = Buffer.alloc(12);
  about.writeUInt16BE(InfoType.EXPORT, 0);
  about.writeBigUInt64BE(BigInt(info.sizeBytes), 2);
  about.writeUInt16BE(transmissionFlags(info, session.agreed.structured), 10);
  const sizes = Buffer.alloc(14);
  sizes.writeUInt16BE(InfoType.BLOCK_SIZE, 0);
  sizes.writeUInt32BE(blocks.minBytes, 2);
  sizes.writeUInt32BE(blocks.preferredBytes, 6);
  sizes.writeUInt32BE(blocks.maxBytes, 10);
  // Sent unasked too: a client that does not know its limits would run into them.
  const replies: Buffer[] = [about, sizes];
  if (wanted.has(InfoType.NAME)) replies.push(textInfo(InfoType.NAME, info.name));
  if (wanted.has(InfoType.DESCRIPTION) && info.description !== undefined) {
    replies.push(textInfo(InfoType.DESCRIPTION, info.description));
  }
  return replies;
}

function textInfo(type: number, text: string): Buffer {
  const bytes = encodeText(text);
  const info = Buffer.allocUnsafe(2 + bytes.length);
  info.writeUInt16BE(type, 0);
  bytes.copy(info, 2);
  return info;
}
