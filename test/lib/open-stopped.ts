import { parseVolumeRef, systemClock, type VolumeId } from '@retrace/core';
import { Journal } from '@retrace/journal';
import { atEnd } from './cleanup.js';

/** The journal of a server that is not running. */
export interface StoppedJournal {
  readonly journal: Journal;
  volumeId(volume: string): VolumeId;
  /** A volume at a seq, as exports read it. */
  readByIndex(volume: string, seq: number): Promise<Buffer>;
  /** The same by reading every record from the first one on. */
  readByReplay(volume: string, seq: number): Promise<Buffer>;
  close(): Promise<void>;
}

interface ReadableView {
  readonly sizeBytes: number;
  read(offset: number, target: Buffer): undefined | Promise<void>;
}

const PIECE_BYTES = 1 << 20;

/** Opens the data directory of a stopped server in this process. */
export async function openStopped(dataDir: string): Promise<StoppedJournal> {
  const silent = { info: () => {}, warn: () => {}, error: () => {} };
  const journal = await Journal.open({ dataDir, clock: systemClock, logger: silent });
  let isOpen = true;
  const close = async (): Promise<void> => {
    if (isOpen) await journal.close();
    isOpen = false;
  };
  atEnd(close);
  const volumeId = (volume: string): VolumeId => journal.volumeByRef(parseVolumeRef(volume)).id;
  return {
    journal,
    volumeId,
    readByIndex: (volume, seq) => readView(journal.view(volumeId(volume), seq)),
    readByReplay: async (volume, seq) => readView(await journal.replayView(volumeId(volume), seq)),
    close,
  };
}

async function readView(view: ReadableView): Promise<Buffer> {
  const image = Buffer.alloc(view.sizeBytes);
  for (let at = 0; at < image.length; at += PIECE_BYTES) {
    const piece = image.subarray(at, at + PIECE_BYTES);
    const waiting = view.read(at, piece);
    if (waiting !== undefined) await waiting;
  }
  return image;
}
