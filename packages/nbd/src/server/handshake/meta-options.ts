import { NbdError } from '../../errors.js';
import { BASE_ALLOCATION, Option, OptionReply } from '../../protocol/constants.js';
import { ALLOCATION_CONTEXT_ID } from '../transmission/executor.js';
import { OptionData } from './option-data.js';
import { closeExport, type HandshakeSession, type OptionOutcome, openExport } from './session.js';

/** A query for all contexts of the namespace `base`, in LIST only. */
const BASE_NAMESPACE = 'base:';

/** LIST_META_CONTEXT and SET_META_CONTEXT: base:allocation, for exports that know their extents. */
export async function answerMetaContext(
  session: HandshakeSession,
  option: number,
  data: Buffer,
): Promise<OptionOutcome> {
  const { agreed, channel } = session;
  const setting = option === Option.SET_META_CONTEXT;
  // A SET that fails leaves nothing chosen.
  if (setting) agreed.allocationFor = undefined;
  const fields = new OptionData(data);
  const name = fields.text();
  const queries: string[] = [];
  for (let left = fields.uint32(); left > 0; left--) queries.push(fields.text());
  fields.end();
  if (!agreed.structured) {
    throw new NbdError('NBD_INVALID_OPTION', 'metadata contexts need structured replies first');
  }
  const handle = await openExport(session, name, 'info');
  const offered = handle.extents !== undefined;
  await closeExport(session, handle);
  if (offered && isWanted(queries, setting)) {
    if (setting) agreed.allocationFor = name;
    const reply = Buffer.alloc(4 + BASE_ALLOCATION.length);
    reply.writeUInt32BE(setting ? ALLOCATION_CONTEXT_ID : 0, 0);
    reply.write(BASE_ALLOCATION, 4, 'ascii');
    await channel.reply(option, OptionReply.META_CONTEXT, reply);
  }
  await channel.acknowledge(option);
  return 'continue';
}

function isWanted(queries: readonly string[], setting: boolean): boolean {
  if (queries.includes(BASE_ALLOCATION)) return true;
  return !setting && (queries.length === 0 || queries.includes(BASE_NAMESPACE));
}
