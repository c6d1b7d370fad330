import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { TimeUs } from '../ids/brands.js';
import { MonotoneClock } from './monotone-clock.js';

describe('MonotoneClock', () => {
  it('never decreases, and follows the wall clock whenever it may', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(10_000_000), { minLength: 1 }), (readings) => {
        let at = 0;
        const clock = new MonotoneClock({ nowUs: () => readings[at] as TimeUs }, 0 as TimeUs);
        let highest = 0;
        for (at = 0; at < readings.length; at++) {
          highest = Math.max(highest, readings[at]!);
          expect(clock.nowUs()).toBe(highest);
        }
      }),
    );
  });

  it('tells of a step back until the wall clock has caught up', () => {
    let wall = 10_000_000;
    const clock = new MonotoneClock({ nowUs: () => wall as TimeUs }, 0 as TimeUs);
    clock.nowUs();
    wall = 4_000_000;
    expect(clock.nowUs()).toBe(10_000_000);
    expect(clock.stepped).toEqual({ heldAtUs: 10_000_000, wallUs: 4_000_000 });
    wall = 5_000_000;
    clock.nowUs();
    expect(clock.stepped?.wallUs).toBe(4_000_000);
    wall = 10_000_001;
    expect(clock.nowUs()).toBe(10_000_001);
    expect(clock.stepped).toBeUndefined();
  });

  it('says nothing of a step within its tolerance', () => {
    let wall = 10_000;
    const clock = new MonotoneClock({ nowUs: () => wall as TimeUs }, 0 as TimeUs);
    clock.nowUs();
    wall = 9_500;
    expect(clock.nowUs()).toBe(10_000);
    expect(clock.stepped).toBeUndefined();
  });
});
