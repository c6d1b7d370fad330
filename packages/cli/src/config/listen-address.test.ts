import { describe, expect, it } from 'vitest';
import { parseHostPort, parseListenAddress } from './listen-address.js';

describe('parseListenAddress', () => {
  it.each([
    ['127.0.0.1:7400', { host: '127.0.0.1', port: 7400 }],
    ['localhost:0', { host: 'localhost', port: 0 }],
    ['[::1]:10809', { host: '::1', port: 10809 }],
    ['unix:/run/x.sock', { path: '/run/x.sock' }],
  ])('reads %s', (text, address) => {
    expect(parseListenAddress(text, '--nbd')).toEqual(address);
  });

  it.each(['', '7400', ':7400', 'a:b', '::1:5', '127.0.0.1:70000', 'a b:1'])(
    'refuses "%s"',
    (text) => {
      expect(() => parseListenAddress(text, '--nbd')).toThrow(/^--nbd: .*write HOST:PORT/);
    },
  );

  it('refuses paths the kernel would cut', () => {
    expect(() => parseListenAddress(`unix:/${'x'.repeat(107)}`, '--nbd')).toThrow(/108 bytes/);
    expect(() => parseListenAddress('unix:', '--nbd')).toThrow(/needs a path/);
  });

  it('knows no sockets where only ports can be', () => {
    expect(() => parseHostPort('unix:/x', '--listen')).toThrow(/--listen/);
  });
});
