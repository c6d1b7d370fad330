import { describe, expect, it } from 'vitest';
import { exportUri } from './nbd-uri.js';

describe('exportUri', () => {
  it('puts the name into a TCP address', () => {
    expect(exportUri('nbd://127.0.0.1:10809', 'web-01/root@seq:5')).toBe(
      'nbd://127.0.0.1:10809/web-01/root@seq:5',
    );
    expect(exportUri('nbd://[::1]:10809/', 'scratch:m/v@2026-11-22T10:41:07+01:00')).toBe(
      'nbd://[::1]:10809/scratch:m/v@2026-11-22T10:41:07%2B01:00',
    );
  });

  it('puts the name into the address of a unix socket', () => {
    expect(exportUri('nbd+unix:///?socket=/run/a b.sock', 'm/v@seq:5')).toBe(
      'nbd+unix:///m/v@seq:5?socket=/run/a%20b.sock',
    );
  });

  it.each(['', 'nbd', 'http://a', 'nbd+unix:///', 'nbd://'])('refuses %s', (base) => {
    expect(() => exportUri(base, 'x')).toThrow(/not an NBD URI/);
  });
});
