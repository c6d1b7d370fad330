import { connect } from 'node:net';
import { type NbdAddress, NbdClient } from '@retrace/nbd';
import { type Finding, fail, ok } from './finding.js';
import { portOwner } from './port-owner.js';

const TIMEOUT_MS = 3000;

/** True when somebody accepts connections there. */
export const isListening = (address: NbdAddress): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = 'path' in address ? connect(address.path) : connect(address.port, address.host);
    const end = (isThere: boolean): void => {
      socket.destroy();
      resolve(isThere);
    };
    socket.setTimeout(TIMEOUT_MS, () => end(false));
    socket.once('connect', () => end(true));
    socket.once('error', () => end(false));
  });

const describe = (address: NbdAddress): string =>
  'path' in address ? `unix:${address.path}` : `${address.host}:${address.port}`;

/** True when a Retrace server answers HTTP at that address. */
const answersHttp = async (address: NbdAddress): Promise<boolean> => {
  if ('path' in address) return false;
  const host = address.host.includes(':') ? `[${address.host}]` : address.host;
  const response = await fetch(`http://${host}:${address.port}/v1/status`, {
    signal: AbortSignal.timeout(TIMEOUT_MS),
  }).catch(() => undefined);
  const text = (await response?.text().catch(() => '')) ?? '';
  return /"(server|error)":\{/.test(text);
};

/** True when an NBD server answers at that address. */
const answersNbd = (address: NbdAddress): Promise<boolean> =>
  NbdClient.list({ address, exportName: '' }, { timeoutMs: TIMEOUT_MS }).then(
    () => true,
    () => false,
  );

/** An address the server wants: free, served by Retrace already, or taken by somebody else. */
export const checkPort = async (check: 'http' | 'nbd', address: NbdAddress): Promise<Finding> => {
  const where = describe(address);
  if (!(await isListening(address))) return ok(check, `${where} is free: no server listens there`);
  const isOurs = check === 'http' ? await answersHttp(address) : await answersNbd(address);
  const owner = 'path' in address ? undefined : await portOwner(address.port);
  const who = owner === undefined ? '' : `: ${owner}`;
  if (isOurs && check === 'http') return ok(check, `a retrace server answers at ${where}${who}`);
  if (isOurs) return ok(check, `an NBD server answers at ${where}${who}`);
  const option = check === 'http' ? '--listen' : '--nbd';
  return fail(
    check,
    `${where} is taken by another program${who}`,
    `end that program, or start the server with another ${option}`,
  );
};
