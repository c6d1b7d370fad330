import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { tempDir } from '../../../../test/lib/temp-dir.js';
import { silentLogger } from '../system/logger.js';
import { systemRandom } from '../system/random.js';
import { readSealed, removeDurably, writeSealed } from './sealed-file.js';
import { StateDir } from './state-dir.js';

const VALUE = { epoch: 7, name: 'größe', list: [1, 2] };

describe('a sealed file', () => {
  it('reads back what was written, and is absent once removed', async () => {
    const path = join(tempDir(), 'progress');
    expect(readSealed(path, 'progress', 1)).toEqual({ kind: 'absent' });
    await writeSealed(path, 'progress', 1, VALUE);
    expect(readSealed(path, 'progress', 1)).toEqual({ kind: 'intact', value: VALUE });
    await removeDurably(path);
    await removeDurably(path);
    expect(readSealed(path, 'progress', 1)).toEqual({ kind: 'absent' });
  });

  it('cut off at any byte, or with any bit flipped, is damaged', async () => {
    const path = join(tempDir(), 'progress');
    await writeSealed(path, 'progress', 1, VALUE);
    const whole = readFileSync(path);
    for (let length = 0; length < whole.length; length++) {
      writeFileSync(path, whole.subarray(0, length));
      expect(readSealed(path, 'progress', 1).kind).toBe('damaged');
    }
    for (let bit = 0; bit < whole.length * 8; bit++) {
      const flipped = Buffer.from(whole);
      flipped[bit >> 3]! ^= 1 << (bit & 7);
      writeFileSync(path, flipped);
      expect(readSealed(path, 'progress', 1).kind).toBe('damaged');
    }
  });

  it('of a newer version is refused by name', async () => {
    const path = join(tempDir(), 'progress');
    await writeSealed(path, 'progress', 2, VALUE);
    expect(() => readSealed(path, 'progress', 1)).toThrow(/newer version/);
  });

  it('keeps the old value when the new one was never renamed into place', async () => {
    const path = join(tempDir(), 'progress');
    await writeSealed(path, 'progress', 1, VALUE);
    writeFileSync(`${path}.new`, 'half a fi');
    expect(readSealed(path, 'progress', 1).kind).toBe('intact');
  });
});

describe('the state folder', () => {
  it('is held by one agent at a time', async () => {
    const path = join(tempDir(), 'state');
    const first = StateDir.open(path, silentLogger);
    expect(() => StateDir.open(path, silentLogger)).toThrow(
      expect.objectContaining({ code: 'STATE_LOCKED' }),
    );
    await first.close();
    await StateDir.open(path, silentLogger).close();
  });

  it('puts a damaged file aside, says that state is lost, and goes on', async () => {
    const path = join(tempDir(), 'state');
    const state = StateDir.open(path, silentLogger);
    const progress = { ...state.loadProgress(systemRandom), epoch: 41 };
    await state.saveProgress(progress);
    expect(state.loadProgress(systemRandom)).toEqual(progress);
    writeFileSync(join(path, 'progress'), 'nonsense');
    expect(state.lost).toBe(false);
    const anew = state.loadProgress(systemRandom);
    expect(anew.epoch).toBe(0);
    expect(anew.sessionId).not.toBe(progress.sessionId);
    expect(state.lost).toBe(true);
    expect(readFileSync(join(path, 'progress.damaged'), 'utf8')).toBe('nonsense');
    await state.close();
  });
});
