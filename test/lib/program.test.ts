import { describe, expect, it } from 'vitest';
import { type Program, spawnProgram } from './index.js';

function node(script: string, outputBytesMax?: number): Program {
  const limit = outputBytesMax === undefined ? {} : { outputBytesMax };
  return spawnProgram({
    command: process.execPath,
    args: ['-e', script],
    name: 'script',
    ...limit,
  });
}

/** Whether a process of this id is there (a zombie would be, but ours are reaped). */
function isAlive(pid: number | undefined): boolean {
  try {
    return pid !== undefined && process.kill(pid, 0);
  } catch {
    return false;
  }
}

describe('spawnProgram', () => {
  const leftBehind: (number | undefined)[] = [];

  it('finds events among other lines, those of before and those to come', async () => {
    const program = node(`
      console.log('hello');
      console.log('{broken');
      process.stdout.write('{"event":"rea');
      setTimeout(() => console.log('dy","volume":"a/b"}'), 50);
      setTimeout(() => console.log('{"event":"state"}'), 100);
      setTimeout(() => {}, 60000);`);
    const ready = await program.waitEvent(({ event }) => event === 'ready');
    expect(ready).toEqual({ event: 'ready', volume: 'a/b' });
    expect(await program.waitEvent(({ event }) => event === 'ready')).toBe(ready);
    await program.waitEvent(({ event }) => event === 'state', { after: 1 });
    expect(program.events).toHaveLength(2);
    leftBehind.push(program.pid);
    expect(isAlive(program.pid)).toBe(true);
  });

  it('kills what the test before has left', () => {
    expect(leftBehind).toHaveLength(1);
    expect(isAlive(leftBehind[0])).toBe(false);
  });

  it('does not wait for an event of a program that has ended', async () => {
    const program = node(`console.error('no port'); process.exit(4)`);
    const waiting = program.waitEvent(({ event }) => event === 'ready', { what: 'ready line' });
    await expect(waiting).rejects.toThrow(
      /no ready line: .*ended[\s\S]*exit status 4[\s\S]*no port/,
    );
    expect(await program.exited).toEqual({ status: 4, signal: null });
  });

  it('names the program and its output when time runs out', async () => {
    const program = node(`console.log('busy'); setTimeout(() => {}, 60000)`);
    const waiting = program.waitEvent(() => false, { what: 'a sign of life', timeoutMs: 400 });
    await expect(waiting).rejects.toThrow(/a sign of life\nscript \(pid \d+\): running[\s\S]*busy/);
  });

  it('keeps the newest output only', async () => {
    const program = node(`for (let i = 0; i < 20000; i++) console.log('line ' + i)`, 10_000);
    await program.exited;
    expect(program.stdout.length).toBeLessThan(100_000);
    expect(program.stdout).toMatch(/^\[\d+ bytes before\]\n/);
    expect(program.stdout).toContain('line 19999\n');
  });

  it('stops with SIGTERM, and by force where that does not help', async () => {
    const willing = node(`process.on('SIGTERM', () => process.exit(0)); setInterval(() => {}, 99);
      console.log('{}')`);
    await willing.waitEvent(() => true);
    expect(await willing.stop()).toEqual({ status: 0, signal: null });
    const deaf = node(`process.on('SIGTERM', () => {}); setInterval(() => {}, 99);
      console.log('{}')`);
    await deaf.waitEvent(() => true);
    await expect(deaf.stop(100)).rejects.toThrow('script to end after SIGTERM');
    expect(deaf.exit).toEqual({ status: null, signal: 'SIGKILL' });
  });

  it('ends a program that was stopped', async () => {
    const program = node(`console.log('{}'); setInterval(() => {}, 99)`);
    await program.waitEvent(() => true);
    program.signal('SIGSTOP');
    expect(await program.kill()).toEqual({ status: null, signal: 'SIGKILL' });
  });

  it('reports a program that is not there', async () => {
    const program = spawnProgram({ command: 'no-such-program' });
    await expect(program.waitEvent(() => true)).rejects.toThrow('no-such-program ENOENT');
  });
});
