import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { NBD_LIMITS, resolveLimits } from './limits.js';

describe('limits', () => {
  it('replace the defaults one by one', () => {
    expect(resolveLimits({ lingerMs: 5 })).toEqual({ ...NBD_LIMITS, lingerMs: 5 });
  });

  it.each([{ optionsMax: 0 }, { lingerMs: 1.5 }, { payloadBytesMax: 2 ** 30 }])(
    'refuse %j',
    (limits) => {
      expect(() => resolveLimits(limits)).toThrowError(
        expect.objectContaining({ code: 'NBD_BAD_LIMIT' }),
      );
    },
  );

  it('all stand in the README', () => {
    const page = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
    for (const name of Object.keys(NBD_LIMITS)) expect(page).toContain(`\`${name}\``);
  });
});
