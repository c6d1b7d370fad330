import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { RetraceError } from '@retrace/core';
import { parseUri } from '@retrace/nbd';
import { lastWords } from '../system/programs.js';
import type { Tools } from './tools.js';
import { waitUntil } from './wait-until.js';

const WHY = "attaches exports to the kernel's NBD client";
const DETACH_TIMEOUT_MS = 10_000;

/** True when the kernel has its NBD client, loading it where need be, and nbd-client is there. */
export const hasKernelNbd = async (tools: Tools): Promise<boolean> => {
  if (!tools.has('nbd-client')) return false;
  if (existsSync('/sys/module/nbd')) return true;
  if (!tools.has('modprobe')) return false;
  const end = await tools.ask('modprobe', ['nbd'], 'loads kernel modules');
  return end.exit === 0 && existsSync('/sys/module/nbd');
};

/** True while a client is attached to the device. */
const isInUse = async (name: string): Promise<boolean> => {
  if (existsSync(`/sys/block/${name}/pid`)) return true;
  const sectors = await readFile(`/sys/block/${name}/size`, 'utf8').catch(() => '0');
  return sectors.trim() !== '0';
};

/** NBD devices nobody uses, lowest number first. */
export const freeNbdDevices = async (): Promise<readonly string[]> => {
  const names = (await readdir('/sys/block')).filter((name) => /^nbd\d+$/.test(name));
  names.sort((a, b) => Number(a.slice(3)) - Number(b.slice(3)));
  const free: string[] = [];
  for (const name of names) if (!(await isInUse(name))) free.push(`/dev/${name}`);
  return free;
};

/** Arguments of nbd-client for an export. */
export const nbdClientArguments = (uri: string, device: string): readonly string[] => {
  const { address, exportName } = parseUri(uri);
  const where = 'path' in address ? ['-unix', address.path] : [address.host, String(address.port)];
  // Blocks of 512 bytes: partitions and odd sizes keep their place.
  return ['-N', exportName, ...where, device, '-b', '512'];
};

/**
 * Attaches an export to a free device.
 * @param onDevice - told of the device before it is used; of undefined when it was not to be had
 * @throws RetraceError MOUNT_FAILED
 */
export const attachKernelNbd = async (
  tools: Tools,
  uri: string,
  onDevice: (device: string | undefined) => Promise<void>,
): Promise<string> => {
  const devices = await freeNbdDevices();
  let why = 'all /dev/nbd* are in use (modprobe nbd nbds_max=64 gives more)';
  for (const device of devices) {
    await onDevice(device);
    const end = await tools.ask('nbd-client', nbdClientArguments(uri, device), WHY);
    if (end.exit === 0) return device;
    why = lastWords(end);
    await onDevice(undefined);
    // Somebody else may have been faster: then try the next one, else the reason stays the same.
    if (!(await isInUse(basename(device)))) break;
  }
  throw new RetraceError('MOUNT_FAILED', `the export could not be attached: ${why}`);
};

/** Detaches a device and waits until it is free. @throws RetraceError MOUNT_FAILED */
export const detachKernelNbd = async (tools: Tools, device: string): Promise<void> => {
  const name = basename(device);
  if (!(await isInUse(name))) return;
  await tools.run('nbd-client', ['-d', device], WHY);
  const isFree = async (): Promise<boolean> => !(await isInUse(name));
  if (await waitUntil(isFree, DETACH_TIMEOUT_MS)) return;
  throw new RetraceError('MOUNT_FAILED', `${device} is in use still: see lsof ${device}`);
};
