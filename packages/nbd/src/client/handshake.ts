import { NbdError } from '../errors.js';
import type { NbdExportListing } from '../export/export.js';
import {
  BASE_ALLOCATION,
  ErrorReply,
  HandshakeFlag,
  InfoType,
  Option,
  OptionReply,
} from '../protocol/constants.js';
import { encodeText } from '../protocol/text.js';
import { collectInfo, type NbdClientInfo } from './info.js';
import { encodeOption, type NbdRawClient } from './raw.js';
import { serverError } from './server-error.js';

const REPLIES_MAX = 1_000_000;

/** What client and server agreed on. */
export interface ClientAgreement {
  readonly info: NbdClientInfo;
  readonly structured: boolean;
  /** The id of base:allocation, where it was offered. */
  readonly allocationId: number | undefined;
}

/** Takes the greeting. @throws NbdError NBD_BAD_MAGIC, NBD_PROTOCOL. */
export async function greetServer(raw: NbdRawClient): Promise<void> {
  const flags = await raw.greet();
  if ((flags & HandshakeFlag.FIXED_NEWSTYLE) === 0) {
    throw new NbdError('NBD_PROTOCOL', 'the server does not speak fixed newstyle');
  }
}

/** Everything up to GO. @throws NbdError with the server's own code and text where it says no. */
export async function negotiateGo(
  raw: NbdRawClient,
  exportName: string,
  wanted: { readonly structured: boolean },
): Promise<ClientAgreement> {
  await greetServer(raw);
  const structured = wanted.structured && (await agreesTo(raw, Option.STRUCTURED_REPLY));
  const allocationId = structured ? await chooseAllocation(raw, exportName) : undefined;
  const info = await askInfo(raw, Option.GO, exportName);
  return { info, structured, allocationId };
}

/** INFO or GO. */
export async function askInfo(
  raw: NbdRawClient,
  option: number,
  exportName: string,
): Promise<NbdClientInfo> {
  const wanted = [InfoType.NAME, InfoType.DESCRIPTION, InfoType.BLOCK_SIZE];
  const tail = Buffer.alloc(2 + 2 * wanted.length);
  tail.writeUInt16BE(wanted.length, 0);
  wanted.forEach((type, at) => {
    tail.writeUInt16BE(type, 2 + 2 * at);
  });
  raw.send(encodeOption(option, Buffer.concat([counted(exportName), tail])));
  return collectInfo(exportName, await replies(raw, option, OptionReply.INFO));
}

/** LIST. */
export async function askList(raw: NbdRawClient): Promise<readonly NbdExportListing[]> {
  raw.send(encodeOption(Option.LIST));
  const found = await replies(raw, Option.LIST, OptionReply.SERVER);
  return found.map((data) => {
    const nameEnd = 4 + (data.length < 4 ? Number.POSITIVE_INFINITY : data.readUInt32BE(0));
    if (nameEnd > data.length) throw new NbdError('NBD_PROTOCOL', 'a list entry is malformed');
    const name = data.toString('utf8', 4, nameEnd);
    const description = data.toString('utf8', nameEnd);
    return description === '' ? { name } : { name, description };
  });
}

async function agreesTo(raw: NbdRawClient, option: number): Promise<boolean> {
  raw.send(encodeOption(option));
  const reply = await raw.optionReply();
  return reply.type === OptionReply.ACK;
}

async function chooseAllocation(
  raw: NbdRawClient,
  exportName: string,
): Promise<number | undefined> {
  const count = Buffer.from([0, 0, 0, 1]);
  const data = Buffer.concat([counted(exportName), count, counted(BASE_ALLOCATION)]);
  raw.send(encodeOption(Option.SET_META_CONTEXT, data));
  const answer = await gather(raw, Option.SET_META_CONTEXT, OptionReply.META_CONTEXT);
  // A refusal does not matter here: what keeps it from being had, GO will say again, and better.
  const context = answer.found.find((reply) => reply.toString('utf8', 4) === BASE_ALLOCATION);
  return answer.refusal === undefined ? context?.readUInt32BE(0) : undefined;
}

interface GatheredReplies {
  readonly found: readonly Buffer[];
  readonly refusal?: NbdError;
}

/** The data of all replies of one type. @throws NbdError the server's refusal. */
async function replies(
  raw: NbdRawClient,
  option: number,
  type: number,
): Promise<readonly Buffer[]> {
  const { found, refusal } = await gather(raw, option, type);
  if (refusal !== undefined) throw refusal;
  return found;
}

/** The data of all replies of one type, up to ACK or an error. */
async function gather(raw: NbdRawClient, option: number, type: number): Promise<GatheredReplies> {
  const found: Buffer[] = [];
  while (found.length < REPLIES_MAX) {
    const reply = await raw.optionReply();
    if (reply.option !== option) {
      throw new NbdError('NBD_PROTOCOL', `a reply to option ${reply.option}, not ${option}`);
    }
    if (reply.type === OptionReply.ACK) return { found };
    if (reply.type === type) {
      found.push(reply.data);
    } else if (reply.type >= ErrorReply.UNSUP) {
      const fallback = `the server refused option ${option}`;
      const optionReply = reply.type;
      return {
        found,
        refusal: serverError(reply.data.toString('utf8'), fallback, { optionReply }),
      };
    }
  }
  throw new NbdError('NBD_PROTOCOL', `more than ${REPLIES_MAX} replies to one option`);
}

function counted(text: string): Buffer {
  const bytes = encodeText(text);
  const length = Buffer.allocUnsafe(4);
  length.writeUInt32BE(bytes.length, 0);
  return Buffer.concat([length, bytes]);
}
