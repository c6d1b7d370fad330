import { setTimeout as sleep } from 'node:timers/promises';
import { formatTime, systemClock } from '@retrace/core';
import { NbdClient } from '@retrace/nbd';
import type { DemoSettings } from './settings.js';

/** A text that was on the disk, and an instant at which it was. */
export interface Chapter {
  readonly text: string;
  /** An instant between this write and the next. */
  readonly time: string;
}

const PAUSE_MS = 1000;
const TEXTS = [
  'Monday: all figures are in. Nobody has touched them yet.',
  'Tuesday: figures corrected. Looks good!',
  'Wednesday: YOUR FILES HAVE BEEN ENCRYPTED. Pay, or ask Retrace.',
] as const;

/** One text as a block of the disk. */
const block = (text: string, bytes: number): Buffer => {
  const target = Buffer.alloc(bytes, '\n');
  target.write(text, 'utf8');
  return target;
};

/** Writes one text over the other on the protected disk, as any NBD client would. */
export const writeStory = async (
  uri: string,
  settings: DemoSettings,
): Promise<readonly Chapter[]> => {
  const client = await NbdClient.connect(uri);
  try {
    const chapters: Chapter[] = [];
    for (const text of TEXTS) {
      if (chapters.length > 0) await sleep(PAUSE_MS);
      await client.write(settings.textOffset, block(`${text}\n`, settings.textBytes));
      await client.flush();
      chapters.push({ text, time: formatTime(systemClock.nowUs()) });
    }
    return chapters;
  } finally {
    await client.close();
  }
};
