import { join, resolve } from 'node:path';

const SOCKET_PATH_BYTES_MAX = 107;

/** What a demo may be told: where it has its things, and how it is reached. */
export interface DemoOptions {
  readonly data: string;
  /** `HOST:PORT` each; port 0 takes any free one. */
  readonly listen: string;
  readonly nbd: string;
}

/** Where the demo has its things, and how it is reached. */
export const demoSettings = ({ data: folder, listen, nbd }: DemoOptions) => {
  const data = resolve(folder);
  const socket = join(data, 'agent', 'disk.sock');
  const fits = Buffer.byteLength(socket) <= SOCKET_PATH_BYTES_MAX;
  return {
    data,
    machine: 'demo',
    volume: 'disk',
    fullName: 'demo/disk',
    imagePath: join(data, 'disk.img'),
    imageBytes: 64 * 1024 * 1024,
    serverDir: join(data, 'server'),
    agentDir: join(data, 'agent'),
    http: listen,
    nbd,
    /** A socket's path must be short; deep folders use a port. */
    agentListen: fits ? `unix:${socket}` : '127.0.0.1:0',
    /** Where the text stands on the disk, behind what a partition table would need. */
    textOffset: 1024 * 1024,
    textBytes: 4096,
  } as const;
};

export type DemoSettings = ReturnType<typeof demoSettings>;
