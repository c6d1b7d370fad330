import { describe, expect, it } from 'vitest';
import { damage } from '../storage/damage.js';
import { Chance } from '../storage/testing/faults.js';
import { MemoryStorage } from '../storage/testing/memory-storage.js';
import { type CatalogState, emptyState, setCurrent } from './catalog-state.js';
import { decodeSnapshot, encodeSnapshot, snapshotState } from './snapshot-codec.js';
import { publishSnapshot, readSnapshot, writeSnapshot } from './snapshot-file.js';

const stateOf = (entries: number): CatalogState => {
  const state = emptyState();
  for (let n = 0; n < entries; n++) {
    setCurrent(state, n % 2 === 0 ? 'a' : 'b', `id ${n}`, { version: n + 1, value: { n } });
  }
  state.change = 70;
  state.linkedChange = 68;
  state.linkedDigest = Buffer.alloc(32, 9);
  return state;
};

describe('a snapshot', () => {
  it('of many pieces comes back as it was, also from a storage with short writes', async () => {
    const state = stateOf(5000);
    const pieces = [...encodeSnapshot(state, 12, 34)];
    expect(pieces.length).toBeGreaterThan(2);
    const storage = new MemoryStorage(new Chance(1));
    await storage.makeDirectory('catalog');
    storage.plan = ({ kind }) =>
      kind === 'writev' ? { fault: 'short', bytes: 30_000 } : undefined;
    await writeSnapshot(storage, pieces);
    await publishSnapshot(storage, 12);
    const bytes = await readSnapshot(storage, 12);
    const decoded = decodeSnapshot(bytes as Buffer);
    expect(decoded.problems).toEqual([]);
    expect(decoded.header).toMatchObject({ generation: 12, change: 70, takenUs: 34 });
    expect(snapshotState(decoded.header!, decoded)).toEqual(state);
  });

  it('leaves removed entries out, and cuts texts that would be too long to read', () => {
    const state = stateOf(1);
    setCurrent(state, 'a', 'gone', { version: 3, value: undefined });
    state.losses.push(damage('p'.repeat(5000), 'm'.repeat(5000)));
    const decoded = decodeSnapshot(Buffer.concat([...encodeSnapshot(state, 1, 0)]));
    expect(decoded.problems).toEqual([]);
    expect(decoded.entries.map(({ id }) => id)).toEqual(['id 0']);
    expect(decoded.losses).toEqual([damage('p'.repeat(1024), 'm'.repeat(1024))]);
  });
});
