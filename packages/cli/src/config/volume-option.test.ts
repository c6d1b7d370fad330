import { describe, expect, it } from 'vitest';
import { completeVolumes, parseVolumeOption } from './volume-option.js';

describe('--volume', () => {
  it('reads a name and a path', () => {
    expect(parseVolumeOption('root=/dev/vda')).toEqual({
      name: 'root',
      path: '/dev/vda',
      listen: undefined,
      durability: 'flush',
    });
  });

  it('reads where to listen and the durability, in any order', () => {
    const expected = {
      name: 'root',
      path: '/dev/vda',
      listen: { path: '/run/r.sock' },
      durability: 'async',
    };
    expect(parseVolumeOption('root=/dev/vda,listen=unix:/run/r.sock,durability=async')).toEqual(
      expected,
    );
    expect(parseVolumeOption('root=/dev/vda,durability=async,listen=unix:/run/r.sock')).toEqual(
      expected,
    );
    expect(parseVolumeOption('root=/dev/vda,listen=[::1]:10810').listen).toEqual({
      host: '::1',
      port: 10810,
    });
  });

  it('takes paths as they are', () => {
    expect(parseVolumeOption('root=/a=b,c').path).toBe('/a=b,c');
    expect(parseVolumeOption('root=disk.img').path).toBe(`${process.cwd()}/disk.img`);
  });

  it.each([
    ['root', /there is no "="/],
    ['Root=/x', /"Root" is not a volume name/],
    ['=/x', /"" is not a volume name/],
    ['root=', /has no path/],
    ['root=/x,durabilty=async', /there is no option "durabilty"/],
    ['root=/x,durability=fast', /no durability "fast"; it is one of async, flush, sync/],
    ['root=/x,listen=/run/x', /is not an address/],
    ['root=/x,listen=unix:', /needs a path/],
    ['root=/x,durability=sync,durability=async', /"durability" is given twice/],
  ])('refuses %s', (text, message) => {
    expect(() => parseVolumeOption(text)).toThrow(message);
  });

  it('listens in the state folder where nothing else is said', () => {
    const [volume] = completeVolumes([parseVolumeOption('root=/x')], '/var/lib/retrace');
    expect(volume?.listen).toEqual({ path: '/var/lib/retrace/root.sock' });
  });

  it('wants at least one volume, and each once', () => {
    const root = parseVolumeOption('root=/x');
    expect(() => completeVolumes([], '/s')).toThrow(/--volume is missing/);
    expect(() => completeVolumes([root, root], '/s')).toThrow(/root is given twice/);
    expect(() => completeVolumes([root], `/${'s'.repeat(110)}`)).toThrow(/choose a shorter one/);
  });
});
