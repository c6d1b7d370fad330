import { RetraceError, type VolumeId } from '@retrace/core';
import type { Volume } from './group/volume.js';
import type { Damage } from './storage/damage.js';
import { compareViews } from './view/compare-views.js';
import type { View } from './view/view.js';

export interface VerifyOptions {
  /** One volume; all when it is missing. */
  readonly volumeId?: VolumeId | undefined;
  readonly onProgress?: ((progress: VerifyProgress) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Picks instants to compare; a number from 0 to below 1. */
  readonly random?: () => number;
}

export interface VerifyProgress {
  readonly done: number;
  readonly total: number;
  /** What is being checked. */
  readonly what: string;
}

export interface VerifyReport {
  readonly ok: boolean;
  readonly problems: readonly Damage[];
  /** How much was checked, by what it is. */
  readonly checked: Readonly<Record<string, number>>;
}

/** What comparing needs of a journal. */
export interface ViewSource {
  view(volumeId: VolumeId, seq: number): View;
  replayView(volumeId: VolumeId, seq: number): Promise<View>;
}

/**
 * Compares the views of a volume at its newest and at one past instant with a plain replay of the
 * log, byte for byte.
 * @returns the problems found, and how many views were compared
 */
export const compareWithReplay = async (
  source: ViewSource,
  volume: Volume,
  options: VerifyOptions,
): Promise<{ readonly problems: readonly Damage[]; readonly views: number }> => {
  const problems: Damage[] = [];
  const seqs = sampleSeqs(volume, options.random ?? Math.random);
  for (const seq of seqs) {
    const what = `${volume.fullName}@seq:${seq} against its replay`;
    options.onProgress?.({ done: 0, total: volume.sizeBytes, what });
    try {
      const replayed = await source.replayView(volume.id, seq);
      const view = source.view(volume.id, seq);
      const different = await compareViews(view, replayed, {
        signal: options.signal,
        onBytes: (done) => options.onProgress?.({ done, total: view.sizeBytes, what }),
      }).finally(() => {
        view.close();
        replayed.close();
      });
      if (different === undefined) continue;
      const message = `the view differs from the replay of the log: ${different.what}`;
      const place = `${volume.fullName}@seq:${seq}, byte ${different.offset}`;
      problems.push({ code: 'CORRUPTION', message, place });
    } catch (error) {
      if (!(error instanceof RetraceError) || error.code !== 'CORRUPTION') throw error;
      problems.push({
        code: 'CORRUPTION',
        message: error.message,
        place: `${volume.fullName}@seq:${seq}`,
      });
    }
  }
  return { problems, views: seqs.length };
};

/** The newest consistent seq, and a random one of the volume's consistent stretch. */
const sampleSeqs = (volume: Volume, random: () => number): readonly number[] => {
  const { horizon, latest } = volume;
  if (horizon === undefined || latest === undefined) return [];
  const past = horizon.seq + Math.floor(random() * (latest.seq - horizon.seq));
  return past === latest.seq ? [past] : [latest.seq, past];
};
