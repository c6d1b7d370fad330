import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RetraceError } from '../errors/retrace-error.js';
import { isMoving } from './instant.js';
import { formatInstant, parseInstant, parseTargetInstant } from './parse-instant.js';
import { formatTime } from './rfc3339.js';

const errorOf = (text: string): RetraceError => {
  try {
    parseInstant(text);
  } catch (error) {
    if (error instanceof RetraceError) return error;
    throw error;
  }
  throw new Error(`"${text}" was taken`);
};

describe('instants', () => {
  it.each([
    ['latest', { kind: 'latest' }],
    ['-90s', { kind: 'ago', us: 90e6 }],
    ['-5m', { kind: 'ago', us: 300e6 }],
    ['-2h', { kind: 'ago', us: 7200e6 }],
    ['-1d', { kind: 'ago', us: 86_400e6 }],
    ['seq:81723', { kind: 'seq', seq: 81_723 }],
    ['bookmark:before-upgrade', { kind: 'bookmark', name: 'before-upgrade' }],
    [
      '2026-11-22T10:41:07.25Z',
      { kind: 'time', timeUs: Date.UTC(2026, 10, 22, 10, 41, 7, 250) * 1e3 },
    ],
    [
      '2026-11-22T11:41:07+01:00',
      { kind: 'time', timeUs: Date.UTC(2026, 10, 22, 10, 41, 7) * 1e3 },
    ],
    ['arrival:1970-01-01T00:00:00.000001Z', { kind: 'arrival', timeUs: 1 }],
  ])('reads %s', (text, instant) => {
    expect(parseInstant(text)).toEqual({ instant, nearest: false });
    expect(parseInstant(`~${text}`)).toEqual({ instant, nearest: true });
  });

  it.each([
    '',
    'now',
    '5m',
    '-5',
    '-5w',
    'seq:',
    'seq:-1',
    'seq:1.5',
    'seq:99999999999999999999',
    '2026-13-01T00:00:00Z',
    '2026-02-30T00:00:00Z',
    '2026-11-22T24:00:00Z',
    '2026-11-22T10:41:07.1234567Z',
    '2026-11-22Z',
    '~~latest',
    '1969-12-31T23:59:59Z',
    '2026-11-22T10:41:07+24:00',
    'latest ',
  ])('refuses "%s" with the grammar', (text) => {
    const error = errorOf(text);
    expect(error.code).toBe('INSTANT_INVALID');
    expect(error.exit).toBe(2);
    expect(error.message).toContain('seq:N');
  });

  it('refuses a time without a zone, naming both readings', () => {
    const error = errorOf('2026-11-22T10:41:07');
    expect(error.code).toBe('INSTANT_WITHOUT_ZONE');
    expect(error.exit).toBe(3);
    expect(error.message).toContain('2026-11-22T10:41:07.000000Z');
    const local = new Date(2026, 10, 22, 10, 41, 7);
    expect(error.details.asLocal).toBe(formatTime(local.getTime() * 1000));
  });

  it('refuses seq:0 as not available', () => {
    expect(errorOf('seq:0').exit).toBe(3);
  });

  it('formats to what it parses, to the microsecond', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 8e15 }), fc.boolean(), (timeUs, nearest) => {
        const request = { instant: { kind: 'time', timeUs }, nearest } as const;
        const text = formatInstant(request as unknown as Parameters<typeof formatInstant>[0]);
        expect(parseInstant(text)).toEqual(request);
      }),
    );
  });

  it('knows which names move', () => {
    const moving = ['latest', '-5m', '~seq:5', '~2026-11-22T10:41:07Z'];
    for (const text of moving) expect(isMoving(parseInstant(text))).toBe(true);
    for (const text of ['seq:5', 'bookmark:b', '2026-11-22T10:41:07Z']) {
      expect(isMoving(parseInstant(text))).toBe(false);
    }
  });

  it('reads targets: volumes, groups and clones', () => {
    expect(parseTargetInstant('web-01/root@seq:4')).toEqual({
      target: { kind: 'volume', machine: 'web-01', name: 'root' },
      request: { instant: { kind: 'seq', seq: 4 }, nearest: false },
    });
    expect(parseTargetInstant('web-01').target).toEqual({ kind: 'group', name: 'web-01' });
    expect(parseTargetInstant('clone:x@latest').target).toEqual({ kind: 'clone', name: 'x' });
    for (const bad of [
      'Web-01/root',
      'a/b/c',
      '/root',
      'web-01/',
      'scratch:a/b',
      `${'a'.repeat(64)}/b`,
    ]) {
      expect(() => parseTargetInstant(bad)).toThrow(/reserved|is not a/);
    }
  });
});
