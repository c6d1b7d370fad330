import { VOLUME_STATES } from '@retrace/core';
import { describe, expect, it } from 'vitest';
import {
  isConsistent,
  nextVolumeState,
  VOLUME_EVENTS,
  VOLUME_TRANSITIONS,
} from './volume-states.js';

describe('the state table', () => {
  it('is total: every state has an answer to every event, and nothing else', () => {
    expect(Object.keys(VOLUME_TRANSITIONS).sort()).toEqual([...VOLUME_STATES].sort());
    for (const state of VOLUME_STATES) {
      const row = VOLUME_TRANSITIONS[state];
      expect(Object.keys(row).sort()).toEqual([...VOLUME_EVENTS].sort());
      for (const event of VOLUME_EVENTS) expect(VOLUME_STATES).toContain(row[event]);
    }
  });

  it('loses every consistent instant with the stream, whatever the state', () => {
    for (const state of VOLUME_STATES) {
      expect(nextVolumeState(state, 'stream-lost')).toBe('resync-needed');
    }
  });

  it('becomes consistent only by a finished copy or resync, a drained spool or proof', () => {
    const ways = new Set(['copy-completed', 'resync-completed', 'proven-clean', 'spool-drained']);
    for (const state of VOLUME_STATES) {
      for (const event of VOLUME_EVENTS) {
        if (isConsistent(state) || !isConsistent(nextVolumeState(state, event))) continue;
        expect(ways).toContain(event);
      }
    }
  });

  it('reaches no state of later agents with the events of this one', () => {
    const events = VOLUME_EVENTS.filter((event) => !/^(spool|resync)-/.test(event));
    const reached = new Set<string>(['initial-sync', 'resync-needed', 'protected']);
    for (const state of VOLUME_STATES) {
      if (!reached.has(state)) continue;
      for (const event of events) reached.add(nextVolumeState(state, event));
    }
    expect([...reached].sort()).toEqual(['initial-sync', 'protected', 'resync-needed']);
  });
});
