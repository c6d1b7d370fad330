import { readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { toRetraceError } from '@retrace/core';
import { beforeAll, describe, expect, it } from 'vitest';
import { copyDir } from '../lib/copy-dir.js';
import { digest, repetitions, type SeededRandom, seededRandom } from '../lib/index.js';
import { openStopped, type StoppedJournal } from '../lib/open-stopped.js';
import {
  filesByKind,
  type KnownState,
  makeStoredHistory,
  type StoredHistory,
} from '../lib/stored-history.js';

/** LevelDB's own diary, and files that are locks only: nothing reads what is in them. */
const WITHOUT_MEANING = /(^|\/)(LOG(\.old)?|LOCK|lock)$/;
const FLIPS = repetitions(8, 100);

/** How a file is damaged; says where. */
type Harm = (file: string, random: SeededRandom) => string;

const flipBit: Harm = (file, random) => {
  const bytes = readFileSync(file);
  const at = random.integer(0, bytes.length - 1);
  bytes[at] = bytes[at]! ^ (1 << random.integer(0, 7));
  writeFileSync(file, bytes);
  return `a bit of byte ${at}`;
};

const cutTail: Harm = (file, random) => {
  const size = statSync(file).size;
  const cut = random.integer(1, Math.min(size, 5000));
  truncateSync(file, size - cut);
  return `its last ${cut} of ${size} bytes`;
};

const remove: Harm = (file) => {
  rmSync(file);
  return 'all of it';
};

/** What came of damaged files, in a process that does as the server does. */
interface Outcome {
  /** Places that were named, by the start, by a read or by verify. */
  readonly places: readonly string[];
  readonly isVerifiedOk: boolean;
  /** States that were refused as damaged. */
  readonly unreadable: number;
  /** States that read as something else, or were refused for another reason. */
  readonly wrong: readonly string[];
  readonly lastSeq: number;
}

async function readState(
  stopped: StoppedJournal,
  volume: string,
  { seq, hash }: KnownState,
): Promise<string> {
  try {
    return digest(await stopped.readByIndex(volume, seq)) === hash ? 'right' : 'wrong bytes';
  } catch (error) {
    const { code, message } = toRetraceError(error);
    return code === 'CORRUPTION' ? code : `${code}: ${message}`;
  }
}

async function lookAt(dataDir: string, history: StoredHistory): Promise<Outcome> {
  const stopped = await openStopped(dataDir);
  const { journal } = stopped;
  const places = journal.problems().map(({ place }) => place);
  const wrong: string[] = [];
  let unreadable = 0;
  for (const state of history.states) {
    const found = await readState(stopped, history.volume, state);
    if (found === 'CORRUPTION') unreadable++;
    else if (found !== 'right') wrong.push(`seq ${state.seq}: ${found}`);
  }
  const report = await journal.verify({});
  const lastSeq = journal.groups()[0]?.latest?.seq ?? 0;
  await stopped.close();
  places.push(...report.problems.map(({ place }) => place));
  return { places, isVerifiedOk: report.ok, unreadable, wrong, lastSeq };
}

/** Does harm to one file of a copy, and says what is wrong with what came of it. */
async function tryHarm(
  history: StoredHistory,
  name: string,
  harm: Harm,
  random: SeededRandom,
): Promise<string[]> {
  const dataDir = copyDir(history.dataDir);
  const what = `${name}: ${harm(join(dataDir, name), random)}`;
  let outcome: Outcome;
  try {
    outcome = await lookAt(dataDir, history);
  } catch (error) {
    const { code, message } = toRetraceError(error);
    // The one file without which nobody can tell what the folder is.
    if (code === 'DATA_DIR_FORMAT' && name === 'format') return [];
    return [`${what}: does not open: ${code}: ${message}`];
  }
  const { places, isVerifiedOk, unreadable, wrong, lastSeq } = outcome;
  const complaints = wrong.map((one) => `${what}: ${one}`);
  if (unreadable === 0 && lastSeq === history.lastSeq && isVerifiedOk && places.length === 0) {
    return complaints;
  }
  // Damage that was noticed is named with its file, or at least with its folder.
  const [folder = name] = /^(catalog|log\/\d+)/.exec(name) ?? [];
  if (!places.some((place) => place.includes(folder))) {
    complaints.push(`${what}: not named; seq ${lastSeq} of ${history.lastSeq}; ${places.join()}`);
  }
  if (isVerifiedOk) complaints.push(`${what}: verify finds all well`);
  return complaints;
}

describe('damaged files', () => {
  let history: StoredHistory;
  const random = seededRandom();

  beforeAll(async () => {
    history = await makeStoredHistory(random, { sealsEagerly: true });
  }, 60_000);

  it('are found sound when they are', async () => {
    expect(await lookAt(copyDir(history.dataDir), history)).toEqual({
      places: [],
      isVerifiedOk: true,
      unreadable: 0,
      wrong: [],
      lastSeq: history.lastSeq,
    });
    const kinds = [...filesByKind(history.dataDir).keys()].join(' ');
    for (const kind of [
      'payload',
      'format',
      'snapshot-N',
      '.layer',
      '.log',
      'MANIFEST',
      'CURRENT',
    ]) {
      expect(kinds).toContain(kind);
    }
  });

  const damage = async (harm: Harm, times: number): Promise<void> => {
    const complaints: string[] = [];
    for (const [kind, names] of filesByKind(history.dataDir)) {
      if (WITHOUT_MEANING.test(kind)) continue;
      for (let i = 0; i < times; i++) {
        complaints.push(...(await tryHarm(history, random.pick(names), harm, random)));
      }
    }
    expect(complaints).toEqual([]);
  };

  it('with one flipped bit are named, or it has no effect on any read', async () => {
    await damage(flipBit, FLIPS);
  }, 120_000);

  it('whose end is missing are named, or it has no effect on any read', async () => {
    await damage(cutTail, repetitions(4, 40));
  }, 120_000);

  it('that are missing are named, or it has no effect on any read', async () => {
    await damage(remove, repetitions(2, 10));
  }, 120_000);
});
