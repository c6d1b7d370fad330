import { parseInstant, RetraceError } from '@retrace/core';
import { describe, expect, it } from 'vitest';
import { ScriptedHistory } from '../testing/scripted-history.js';
import { resolveInstant } from './resolve.js';

const T = Date.UTC(2026, 10, 22, 10, 0, 0) * 1000;
const at = (us: number): string => new Date((T + us) / 1000).toISOString().replace('Z', 'Z');
const SECOND = 1e6;

/**
 * seq 1 start, 2 define, 3 sync-begin, 4 write, 5 sync-complete, 6.. writes at +1 s, +2 s, +2 s.
 */
const protectedVolume = () =>
  new ScriptedHistory()
    .start(T)
    .mark(T, { mark: 'sync-begin' })
    .write(T + 1000)
    .mark(T + 2000, { mark: 'sync-complete' })
    .write(T + SECOND)
    .write(T + 2 * SECOND)
    .write(T + 2 * SECOND);

const resolve = (script: ScriptedHistory, text: string, nowUs = T + 100 * SECOND) =>
  resolveInstant(
    { history: script.history, volume: script.history.volume(1), target: 'm/v1', nowUs },
    parseInstant(text),
  );

const refusal = async (
  script: ScriptedHistory,
  text: string,
  nowUs?: number,
): Promise<RetraceError> => {
  try {
    await resolve(script, text, nowUs);
  } catch (error) {
    if (error instanceof RetraceError) return error;
    throw error;
  }
  throw new Error(`${text} was not refused`);
};

describe('resolveInstant', () => {
  it('takes every record whose time is at most the time asked for', async () => {
    const script = protectedVolume();
    script.history.noteWatermark(T + 3 * SECOND, 8, T + 3 * SECOND);
    expect(await resolve(script, at(1.5 * SECOND))).toMatchObject({ seq: 6, exact: true });
    expect((await resolve(script, at(2 * SECOND))).seq).toBe(8);
    expect((await resolve(script, at(3 * SECOND))).seq).toBe(8);
  });

  it('refuses a time past the watermark, naming the newest that is complete', async () => {
    const script = protectedVolume();
    const error = await refusal(script, at(2 * SECOND));
    expect(error.code).toBe('INSTANT_NOT_YET_COMPLETE');
    expect(error.details.before).toEqual({ seq: 8, timeUs: T + 2 * SECOND });
    expect((await refusal(script, at(200 * SECOND))).code).toBe('INSTANT_IN_FUTURE');
  });

  it('takes every time after a clean stop as the state of the stop', async () => {
    const script = protectedVolume().mark(T + 5 * SECOND, { mark: 'clean-stop' }, 0);
    expect((await resolve(script, at(60 * SECOND))).seq).toBe(9);
    expect((await refusal(script, at(101 * SECOND))).code).toBe('INSTANT_IN_FUTURE');
    script.start(T + 80 * SECOND).write(T + 81 * SECOND);
    expect((await resolve(script, at(60 * SECOND))).seq).toBe(9);
    expect((await resolve(script, 'latest')).seq).toBe(script.lastSeq);
  });

  it('reads seqs, bookmarks, arrival times and latest', async () => {
    const script = protectedVolume().mark(
      T + 3 * SECOND,
      { mark: 'bookmark', name: 'b1', consistency: 'crash' },
      0,
    );
    expect((await resolve(script, 'seq:6')).timeUs).toBe(T + SECOND);
    expect((await resolve(script, 'bookmark:b1')).seq).toBe(9);
    expect((await resolve(script, `arrival:${at(SECOND)}`)).seq).toBe(5);
    expect((await resolve(script, 'latest')).seq).toBe(9);
    expect((await refusal(script, 'bookmark:b2')).code).toBe('INSTANT_UNKNOWN');
    expect((await refusal(script, 'seq:10')).code).toBe('INSTANT_IN_FUTURE');
  });

  it('counts -Ns back from the agent-side now', async () => {
    const script = protectedVolume();
    // The agent's clock is 30 s behind the server's.
    script.history.noteWatermark(T + 10 * SECOND, 8, T + 40 * SECOND);
    expect((await resolve(script, '-9s', T + 41 * SECOND)).seq).toBe(8);
    expect((await resolve(script, '-10s', T + 41 * SECOND)).seq).toBe(6);
    expect((await refusal(script, '-0s', T + 41 * SECOND)).code).toBe('INSTANT_NOT_YET_COMPLETE');
  });

  it('has nothing before the first copy is complete', async () => {
    const script = protectedVolume();
    expect((await refusal(script, 'seq:4')).code).toBe('INSTANT_BEFORE_HORIZON');
    expect((await refusal(script, 'seq:4')).details.after).toMatchObject({ seq: 5 });
    expect((await refusal(script, at(-SECOND))).code).toBe('INSTANT_BEFORE_HORIZON');
    expect((await resolve(script, 'seq:5')).seq).toBe(5);
    const young = new ScriptedHistory().start(T).mark(T, { mark: 'sync-begin' });
    expect((await refusal(young, 'latest')).code).toBe('INSTANT_IN_GAP');
  });

  it('after a crash refuses what lies between the last watermark and the next copy', async () => {
    const script = protectedVolume();
    script.history.noteWatermark(T + 3 * SECOND, 8, T + 3 * SECOND);
    script
      .start(T + 50 * SECOND)
      .mark(T + 50 * SECOND, { mark: 'gap-open', reason: 'unclean-stop' })
      .write(T + 51 * SECOND)
      .mark(T + 52 * SECOND, { mark: 'sync-begin' })
      .write(T + 53 * SECOND)
      .mark(T + 54 * SECOND, { mark: 'sync-complete' })
      .write(T + 55 * SECOND);
    script.history.noteWatermark(T + 56 * SECOND, 16, T + 56 * SECOND);
    expect((await resolve(script, at(3 * SECOND))).seq).toBe(8);
    expect((await resolve(script, 'seq:8')).seq).toBe(8);
    for (const text of [at(4 * SECOND), at(50 * SECOND), at(53 * SECOND), 'seq:9', 'seq:14']) {
      const error = await refusal(script, text);
      expect(error.code).toBe('INSTANT_IN_GAP');
      expect(error.details).toMatchObject({ before: { seq: 8 }, after: { seq: 15 } });
    }
    expect((await resolve(script, at(54 * SECOND))).seq).toBe(15);
    expect(await resolve(script, `~${at(53 * SECOND)}`)).toMatchObject({ seq: 8, exact: false });
    expect((await resolve(script, 'latest')).seq).toBe(16);
  });

  it('keeps the consistent stretch across a clean stop; a changed disk ends it', async () => {
    const script = protectedVolume().mark(T + 5 * SECOND, { mark: 'clean-stop' }, 0);
    script.start(T + 8 * SECOND).write(T + 9 * SECOND);
    expect((await resolve(script, 'latest')).seq).toBe(script.lastSeq);
    script.mark(T + 10 * SECOND, { mark: 'clean-stop' }, 0);
    const stopSeq = script.lastSeq;
    script
      .start(T + 20 * SECOND)
      .mark(T + 20 * SECOND, { mark: 'gap-open', reason: 'changed-while-stopped' });
    // Nobody knows when in between the disk was changed.
    expect((await refusal(script, at(15 * SECOND))).details.reason).toBe('changed-while-stopped');
    expect((await resolve(script, at(10 * SECOND))).seq).toBe(stopSeq);
    expect((await resolve(script, 'latest')).seq).toBe(stopSeq);
  });

  it('names the reason an agent gives over the one the journal put', async () => {
    const script = protectedVolume().start(T + 5 * SECOND);
    expect((await refusal(script, 'seq:9')).details.reason).toBe('unclean-stop');
    script.mark(T + 5 * SECOND, { mark: 'gap-open', reason: 'queue-given-up' });
    expect((await refusal(script, 'seq:9')).details.reason).toBe('queue-given-up');
  });

  it('treats lost records as a gap for every volume of the group', async () => {
    const script = protectedVolume();
    script.lose(3).write(T + 4 * SECOND);
    expect((await resolve(script, 'seq:8')).seq).toBe(8);
    for (const text of ['seq:9', 'seq:11', 'seq:12']) {
      expect((await refusal(script, text)).details.reason).toBe('corruption');
    }
    expect((await resolve(script, 'latest')).seq).toBe(8);
    script.mark(T + 5 * SECOND, { mark: 'sync-complete' });
    expect((await resolve(script, 'latest')).seq).toBe(13);
    expect(script.history.holes).toEqual([{ fromSeq: 9, toSeq: 11 }]);
  });

  it('refuses a time the agent clock showed twice, with both readings', async () => {
    const script = protectedVolume()
      .mark(T + 10 * SECOND, { mark: 'clock-step', heldAtUs: T + 10e6, wallUs: T + 1.5e6 }, 0)
      .write(T + 10 * SECOND)
      .write(T + 11 * SECOND);
    script.history.noteWatermark(T + 12 * SECOND, 11, T + 12 * SECOND);
    const error = await refusal(script, at(2 * SECOND));
    expect(error.code).toBe('INSTANT_IN_CLOCK_STEP');
    expect(error.details).toMatchObject({ firstReading: 8, secondReading: [9, 10] });
    expect((await resolve(script, at(1.2 * SECOND))).seq).toBe(6);
    expect((await resolve(script, at(11 * SECOND))).seq).toBe(11);
  });
});
