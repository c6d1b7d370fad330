import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatUri, parseUri } from './uri.js';

describe('NBD URIs', () => {
  it.each([
    ['nbd://host', { host: 'host', port: 10809 }, ''],
    ['nbd://host:99/', { host: 'host', port: 99 }, ''],
    ['nbd://[::1]:99/x', { host: '::1', port: 99 }, 'x'],
    ['nbd://h/web-01/root@seq:8', { host: 'h', port: 10809 }, 'web-01/root@seq:8'],
    ['nbd://h/a%2Fb%20c%3F', { host: 'h', port: 10809 }, 'a/b c?'],
    ['nbd://h/a/../b', { host: 'h', port: 10809 }, 'a/../b'],
    ['nbd+unix:///?socket=/tmp/s', { path: '/tmp/s' }, ''],
    ['nbd+unix:///x@-5m?socket=/tmp/a%20b', { path: '/tmp/a b' }, 'x@-5m'],
  ])('%s is understood', (uri, address, exportName) => {
    expect(parseUri(uri)).toEqual({ address, exportName });
  });

  it.each(['host', 'http://host/x', 'nbds://host', 'nbd+unix:///x', 'nbd://h/%ff', 'nbd:///x'])(
    '%s is none',
    (uri) => {
      expect(() => parseUri(uri)).toThrowError(expect.objectContaining({ code: 'NBD_BAD_URI' }));
    },
  );

  it('are read back as they were written, whatever the name', () => {
    const address = fc.oneof(
      fc.record({
        host: fc.constantFrom('h', '10.0.0.1', '::1'),
        port: fc.integer({ min: 1, max: 65535 }),
      }),
      fc.record({ path: fc.string({ minLength: 1, unit: 'grapheme' }) }),
    );
    const name = fc.string({ unit: 'grapheme' });
    fc.assert(
      fc.property(address, name, (where, exportName) => {
        const uri = { address: where, exportName };
        expect(parseUri(formatUri(uri))).toEqual(uri);
      }),
    );
  });
});
