import { existsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCleanups } from './cleanup.js';
import {
  run,
  SeededRandom,
  seededRandom,
  socketPath,
  tempDir,
  waitFor,
  withTimeout,
} from './index.js';

describe('tempDir', () => {
  const seen: string[] = [];
  let ofFile = '';
  beforeAll(() => {
    ofFile = tempDir();
  });
  afterAll(() => expect(existsSync(ofFile)).toBe(true));

  it('makes a fresh folder below the temporary folder of the system', () => {
    const path = tempDir();
    seen.push(path);
    expect(path.startsWith(tmpdir())).toBe(true);
    writeFileSync(join(path, 'file'), 'x');
    expect(tempDir()).not.toBe(path);
  });

  it('removes it at the end of its test, and one made in beforeAll later', () => {
    expect(seen).toHaveLength(1);
    expect(existsSync(seen[0] ?? '')).toBe(false);
    expect(existsSync(ofFile)).toBe(true);
  });

  it('gives short paths for sockets', () => {
    expect(socketPath('root').length).toBeLessThan(100);
  });
});

describe('cleanups', () => {
  it('run newest first, all of them, and throw what went wrong', async () => {
    const order: number[] = [];
    const failing = (n: number) => () => {
      order.push(n);
      throw new Error(`cleanup ${n}`);
    };
    await expect(runCleanups([failing(1), () => void order.push(2), failing(3)])).rejects.toThrow(
      AggregateError,
    );
    expect(order).toEqual([3, 2, 1]);
    await expect(runCleanups([failing(4)])).rejects.toThrow('cleanup 4');
    await expect(runCleanups([])).resolves.toBeUndefined();
  });
});

describe('waitFor', () => {
  it('returns what the condition answers once it holds', async () => {
    let asked = 0;
    const answer = await waitFor(() => (++asked === 3 ? 'done' : undefined), { what: 'it' });
    expect(answer).toBe('done');
    expect(asked).toBe(3);
  });

  it('takes 0 and the empty string for answers', async () => {
    expect(await waitFor(() => 0, { what: 'it' })).toBe(0);
    expect(await waitFor(() => '', { what: 'it' })).toBe('');
  });

  it('names what was awaited, with the last error and the detail', async () => {
    const refuse = (): never => {
      throw new Error('refused');
    };
    const waiting = waitFor(refuse, { what: 'the door', timeoutMs: 20, detail: () => 'a log' });
    await expect(waiting).rejects.toThrow(/^waited 20 ms in vain for: the door: refused\na log$/);
  });
});

describe('withTimeout', () => {
  it('hands on results and errors, and gives up by name', async () => {
    expect(await withTimeout(Promise.resolve(1), { what: 'it' })).toBe(1);
    await expect(withTimeout(Promise.reject(new Error('no')), { what: 'it' })).rejects.toThrow(
      'no',
    );
    const never = new Promise<void>(() => {});
    await expect(withTimeout(never, { what: 'a sign', timeoutMs: 10 })).rejects.toThrow('a sign');
  });
});

describe('run', () => {
  it('returns status and output', async () => {
    const result = await run('sh', ['-c', 'cat; echo err >&2'], { stdin: 'in' });
    expect(result).toEqual({ exit: 0, stdout: 'in', stderr: 'err\n' });
  });

  it('throws on a status that was not accepted, with the output', async () => {
    const args = ['-c', 'echo why >&2; exit 3'];
    await expect(run('sh', args)).rejects.toThrow(/exit status 3[\s\S]*why/);
    expect(await run('sh', args, { accept: [3] })).toMatchObject({ exit: 3 });
    expect(await run('sh', args, { accept: 'any' })).toMatchObject({ exit: 3 });
  });

  it('throws where the program is missing', async () => {
    await expect(run('no-such-program', [])).rejects.toThrow(/no-such-program ENOENT/);
  });

  it('kills what takes too long', async () => {
    const running = run('sh', ['-c', 'echo started; exec sleep 60'], { timeoutMs: 300 });
    await expect(running).rejects.toThrow(/300 ms in vain[\s\S]*started/);
  });
});

describe('seededRandom', () => {
  it('repeats itself from a seed, and not from another', () => {
    expect(new SeededRandom(7).bytes(99)).toEqual(new SeededRandom(7).bytes(99));
    expect(new SeededRandom(7).bytes(99)).not.toEqual(new SeededRandom(8).bytes(99));
  });

  it('stays within its bounds and reaches both ends', () => {
    const random = seededRandom();
    const numbers = Array.from({ length: 1000 }, () => random.integer(-2, 2));
    expect([...new Set(numbers)].sort((a, b) => a - b)).toEqual([-2, -1, 0, 1, 2]);
    expect(random.chance(0)).toBe(false);
    expect(random.chance(1)).toBe(true);
    expect(['a', 'b']).toContain(random.pick(['a', 'b']));
    expect(() => random.pick([])).toThrow();
  });
});
