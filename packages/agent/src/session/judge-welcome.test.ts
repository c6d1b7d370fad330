import type { Welcome } from '@retrace/core';
import { describe, expect, it } from 'vitest';
import { judgeWelcome, type WelcomeFacts } from './judge-welcome.js';

const facts = (changes: Partial<WelcomeFacts> = {}): WelcomeFacts => ({
  epoch: 5,
  recording: true,
  sentN: 40,
  acknowledged: { epoch: 5, n: 30 },
  serverUuid: 'a',
  cleanFrom: undefined,
  ...changes,
});

const welcome = (epoch: number, n: number, changes: Partial<Welcome> = {}): Welcome => ({
  type: 'welcome',
  protocol: 1,
  serverUuid: 'a',
  stored: { epoch, n },
  lastTimeUs: 0,
  creditBytes: 1,
  acknowledgedLoss: false,
  ...changes,
});

const kind = (a: WelcomeFacts, b: Welcome): string => {
  const verdict = judgeWelcome(a, b);
  return verdict.kind === 'break' ? verdict.gap : verdict.kind;
};

describe('a welcome', () => {
  it.each([
    ['what was acknowledged is there', facts(), welcome(5, 30), 'resume'],
    ['more is there, all of it sent', facts(), welcome(5, 40), 'resume'],
    ['more than was ever sent', facts(), welcome(5, 41), 'refuse'],
    ['less than was acknowledged, unsaid', facts(), welcome(5, 29), 'acknowledged-loss'],
    ['nothing of the epoch any more', facts(), welcome(4, 99), 'acknowledged-loss'],
    [
      'loss, as the server says',
      facts(),
      welcome(5, 30, { acknowledgedLoss: true }),
      'acknowledged-loss',
    ],
    ['an epoch to come', facts(), welcome(6, 1), 'refuse'],
    ['another protocol', facts(), welcome(5, 30, { protocol: 9 }), 'refuse'],
    [
      'records of an epoch not begun',
      facts({ recording: false, epoch: 6 }),
      welcome(6, 1),
      'refuse',
    ],
    [
      'an epoch not begun, rightly',
      facts({ recording: false, epoch: 6 }),
      welcome(5, 30),
      'resume',
    ],
  ])('%s', (_, ours, theirs, expected) => {
    expect(kind(ours, theirs)).toBe(expected);
  });

  const clean = facts({
    epoch: 6,
    acknowledged: { epoch: 5, n: 30 },
    cleanFrom: { serverUuid: 'a', at: { epoch: 5, n: 30 } },
  });

  it.each([
    ['ends with the clean stop', welcome(5, 30), 'resume'],
    ['has gone on after the clean stop', welcome(5, 31), 'state-lost'],
    ['is of another server', welcome(5, 30, { serverUuid: 'b' }), 'state-lost'],
    ['already has records of this start', welcome(6, 12), 'resume'],
  ])('of a clean start: the journal %s', (_, theirs, expected) => {
    expect(kind(clean, theirs)).toBe(expected);
  });
});
