import { expect, it } from 'vitest';
import { ScriptedHistory } from '../testing/scripted-history.js';
import { GroupHistory } from './group-history.js';
import { decodeSummary, encodeSummary } from './history-summary.js';

const T = 1_800_000_000_000_000;

/** A history with one of everything: a gap, a hole, a bookmark, a clock step, a clean stop. */
const eventful = (): ScriptedHistory =>
  new ScriptedHistory()
    .start(T, [1, 2])
    .mark(T, { mark: 'sync-begin' })
    .write(T + 1)
    .mark(T + 2, { mark: 'sync-complete' })
    .mark(T + 3, { mark: 'bookmark', name: 'b', consistency: 'application' }, 0)
    .mark(T + 4, { mark: 'clock-step', heldAtUs: T + 4, wallUs: T - 9 }, 0)
    .lose(2)
    .write(T + 5)
    .mark(T + 6, { mark: 'sync-complete' })
    .mark(T + 7, { mark: 'clean-stop' }, 0);

it('goes on from its summary as the history itself does', () => {
  const script = eventful();
  script.history.noteWatermark(T + 6, script.lastSeq - 1, T + 60);
  const stored = decodeSummary('1', encodeSummary(script.history.summary()));
  expect(stored).toEqual(script.history.summary());
  const restored = new GroupHistory();
  restored.restore(stored);
  expect(restored.summary()).toEqual(script.history.summary());
  const going = eventful();
  going.history.noteWatermark(T + 6, going.lastSeq - 1, T + 60);
  const other = new ScriptedHistory(restored, going);
  for (const one of [going, other]) {
    one
      .start(T + 20, [1, 2])
      .mark(T + 21, { mark: 'gap-open', reason: 'changed-while-stopped' })
      .write(T + 22)
      .mark(T + 23, { mark: 'sync-complete' });
  }
  expect(restored.summary()).toEqual(going.history.summary());
  expect(restored.recent.firstSeq).toBe(script.lastSeq + 1);
});

it('names an entry it cannot read', () => {
  expect(() => decodeSummary('7', { lastSeq: -1 })).toThrow('"history 7" cannot be read');
});
