import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { cli, NOW_MS } from '../testing/cli.js';
import { FakeServer } from '../testing/fake-server.js';

const usAgo = (secondsAgo: number): number => (NOW_MS - secondsAgo * 1000) * 1000;
const place = (secondsAgo: number, seq: number) => {
  const timeUs = usAgo(secondsAgo);
  return { seq, timeUs, time: new Date(timeUs / 1000).toISOString() };
};
const bucket = (secondsAgo: number, records: number) => ({
  ...place(secondsAgo, 0),
  records,
  bytes: records * 4096,
});

/** The answer for an hour without any record. */
const answerOf = (newestAgo: number) => ({
  volume: 'web-01/root',
  buckets: [],
  fromUs: usAgo(newestAgo + 3600),
  toUs: usAgo(newestAgo),
  bucketMs: 60_000,
});

describe('retrace timeline', () => {
  let server: FakeServer;
  const ask = (...args: string[]) => cli(['timeline', ...args, '--server', server.url]);
  const timelines = () =>
    server.requests.filter(({ path }) => path === '/v1/timeline').map(({ query }) => query);

  /** A history from so many seconds ago to the end of which the newest stands so long ago. */
  const withHistory = (oldestAgo: number | undefined, newestAgo: number): void => {
    const horizon = oldestAgo === undefined ? null : place(oldestAgo, 5);
    const latest = oldestAgo === undefined ? null : place(newestAgo, 900);
    server.routes.set('GET /v1/volumes', { json: [{ volume: 'web-01/root', horizon, latest }] });
    server.routes.set('GET /v1/timeline', {
      json: answerOf(newestAgo),
    });
  };

  beforeEach(async () => {
    server = await FakeServer.start();
    withHistory(3600, 2);
  });
  afterEach(() => server.close());

  it('draws all of a short history, in columns that begin at round times', async () => {
    server.routes.set('GET /v1/timeline', {
      json: {
        volume: 'web-01/root',
        bucketMs: 60_000,
        buckets: [bucket(3600, 10), bucket(1800, 80), bucket(60, 5)],
        bookmarks: [{ name: 'ok', consistency: 'crash', ...place(1800, 30) }],
        gaps: [{ fromSeq: 40, fromTimeUs: usAgo(600), toTimeUs: null, reason: 'why' }],
      },
    });
    const { stdout, stderr, exit } = await ask('web-01/root');
    expect(exit).toBe(0);
    expect(stderr).toBe('');
    expect(timelines().at(-1)).toEqual({
      volume: 'web-01/root',
      from: '2026-11-22T09:41:00.000000Z',
      bucketMs: '60000',
    });
    expect(stdout).toContain('█');
    expect(stdout).toMatch(/^bookmarks +B$/m);
    expect(stdout).toMatch(/^gaps +x+$/m);
    expect(stdout).toMatch(/^ok +2026-11-22T10:11:07.250000Z +seq:30 +crash$/m);
    expect(stdout).toMatch(/^2026-11-22T10:31:07.250000Z +still open +why$/m);
    expect(stdout).toContain(`  retrace resolve web-01/root@bookmark:ok --server ${server.url}\n`);
  });

  it('draws the last hour of a long one, and lists what was before', async () => {
    withHistory(30 * 86_400, 7200);
    const { stdout } = await ask('web-01/root');
    // The first answer says where the history ends; buckets are chosen for what lies before that.
    expect(timelines()).toEqual([
      { volume: 'web-01/root', bucketMs: '31622400000' },
      { volume: 'web-01/root', from: '2026-11-22T07:41:00.000000Z', bucketMs: '60000' },
      {
        volume: 'web-01/root',
        from: '2026-10-23T10:41:07.250000Z',
        to: '2026-11-22T07:40:59.999999Z',
        bucketMs: '31622400000',
      },
    ]);
    expect(stdout).toContain('this is the end of a longer');
    expect(stdout).toContain('All of the history:');
  });

  it('counts all of it for programs, whatever its length, and hands the answer on', async () => {
    withHistory(30 * 86_400, 2);
    const { json } = await ask('web-01/root', '--json');
    expect(json).toEqual(answerOf(2));
    expect(timelines()).toHaveLength(2);
    expect(timelines().at(-1)).toEqual({
      volume: 'web-01/root',
      from: '2026-10-23T10:41:07.250000Z',
      bucketMs: '43200000',
    });
  });

  it('asks for the range and the buckets named', async () => {
    const args = ['--from', '-10m', '--to', '-5m', '--bucket', '1s'];
    await ask('web-01/root', '--json', ...args);
    const query = { volume: 'web-01/root', from: '-10m', to: '-5m', bucketMs: '1000' };
    expect(timelines().at(-1)).toEqual(query);
    await ask('web-01/root', '--from', '-10m', '--to', '-5m');
    expect(timelines().at(-1)).toEqual({ ...query, bucketMs: '5000' });
  });

  it('takes an hour before --to, also where nothing is kept', async () => {
    const at = '2026-11-22T10:41:00Z';
    withHistory(10 * 3600, 2);
    await ask('web-01/root', '--to', at);
    const from = '2026-11-22T09:41:00.000000Z';
    expect(timelines().at(-2)).toMatchObject({ from, to: at });
    withHistory(1, 0);
    await ask('web-01/root', '--to', at);
    expect(timelines().at(-1)).toMatchObject({ from, to: at });
  });

  it('resolves bounds that are no times, to choose the buckets', async () => {
    server.routes.set('GET /v1/resolve', { json: place(1802, 7) });
    await ask('web-01/root', '--from', 'bookmark:ok');
    expect(server.requests.find(({ path }) => path === '/v1/resolve')?.query).toEqual({
      target: 'web-01/root@bookmark:ok',
    });
    expect(timelines().at(-1)).toMatchObject({ from: 'bookmark:ok', bucketMs: '30000' });
  });

  it('leaves the range to the server before the first copy is complete', async () => {
    withHistory(undefined, 2);
    const { stdout } = await ask('web-01/root');
    expect(timelines().at(-1)).toEqual({ volume: 'web-01/root', bucketMs: '60000' });
    expect(stdout).toContain('no instant can be had yet');
  });

  it('says so when nothing was recorded', async () => {
    server.routes.set('GET /v1/timeline', { json: { buckets: [] } });
    expect((await ask('web-01/root')).stdout).toBe('-: nothing is recorded yet.\n');
  });

  it('has colours on a terminal only, and none with NO_COLOR', async () => {
    const args = ['timeline', 'web-01/root', '--server', server.url];
    const drawn = async (overrides: Parameters<typeof cli>[1]) =>
      (await cli(args, overrides)).stdout.includes('\u001b[');
    expect(await drawn({})).toBe(false);
    expect(await drawn({ columns: 80 })).toBe(true);
    expect(await drawn({ columns: 80, env: { NO_COLOR: '1' } })).toBe(false);
    expect(await drawn({ columns: 80, env: { NO_COLOR: '' } })).toBe(true);
    expect(await drawn({ columns: 80, env: { TERM: 'dumb' } })).toBe(false);
  });

  it('is as wide as the terminal', async () => {
    const widest = async (columns: number | undefined) => {
      const env = { NO_COLOR: '1' };
      const { stdout } = await cli(['timeline', 'web-01/root', '--server', server.url], {
        columns,
        env,
      });
      return Math.max(...stdout.split('\n').map((line) => [...line].length));
    };
    expect(await widest(50)).toBeLessThanOrEqual(50);
    expect(await widest(undefined)).toBeLessThanOrEqual(80);
    expect(await widest(50)).toBeGreaterThan(40);
  });
});
