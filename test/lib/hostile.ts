import { connect, type Socket } from 'node:net';
import type { NbdAddress } from '@retrace/nbd';

/** Connects, sends this, and waits for the other side to close. */
export interface Hostility {
  readonly address: NbdAddress;
  readonly bytes: readonly Buffer[];
  /** Sent when the other side has said something: a greeting is waited for. */
  readonly afterGreeting?: boolean;
  /** Hangs up by itself this long after its bytes; otherwise the other side must close. */
  readonly hangUpAfterMs?: number;
}

const CLOSE_TIMEOUT_MS = 20_000;

/**
 * One hostile connection. Resolves when it is closed, with what the other side sent (its start).
 *
 * @throws Error when the other side keeps it open for 20 s
 */
export function attack(hostility: Hostility): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const socket = connect({ ...hostility.address });
    const received: Buffer[] = [];
    let hasSent = false;
    let length = 0;
    const timer = setTimeout(() => {
      socket.destroy();
      reject(new Error(`kept open: ${Buffer.concat(received).toString('latin1').slice(0, 100)}`));
    }, CLOSE_TIMEOUT_MS);
    const send = (): void => {
      if (hasSent) return;
      hasSent = true;
      sendAll(socket, hostility);
    };
    socket.on('connect', () => {
      if (hostility.afterGreeting !== true) send();
    });
    socket.on('data', (chunk: Buffer) => {
      if (length < 65_536) received.push(chunk);
      length += chunk.length;
      send();
    });
    // Whoever is hung up on may reset.
    socket.on('error', () => {});
    socket.on('close', () => {
      clearTimeout(timer);
      resolve(Buffer.concat(received));
    });
  });
}

function sendAll(socket: Socket, { bytes, hangUpAfterMs }: Hostility): void {
  for (const piece of bytes) socket.write(piece);
  if (hangUpAfterMs === undefined) return;
  setTimeout(() => socket.destroy(), hangUpAfterMs).unref();
}

/** Runs so many at once until there are none left. */
export async function runAll(
  count: number,
  atOnce: number,
  one: (index: number) => Promise<unknown>,
): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) await one(next++);
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}
