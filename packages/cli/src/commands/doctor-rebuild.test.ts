import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '@retrace/core';
import { Journal, silentLogger } from '@retrace/journal';
import { beforeEach, describe, expect, it } from 'vitest';
import { tempDir } from '../../../../test/lib/temp-dir.js';
import { cli } from '../testing/cli.js';

const openJournal = (dataDir: string): Promise<Journal> =>
  Journal.open({ dataDir, clock: systemClock, logger: silentLogger });

const rebuild = (dataDir: string, ...more: readonly string[]) =>
  cli(['doctor', '--rebuild-catalog', '--data', dataDir, ...more]);

describe('doctor --rebuild-catalog', () => {
  let dataDir: string;
  const catalog = (): string[] => readdirSync(join(dataDir, 'catalog')).sort();

  beforeEach(async () => {
    dataDir = join(tempDir(), 'data');
    const journal = await openJournal(dataDir);
    await journal.metadata.set('token', 'abc', { role: 'admin' });
    await journal.metadata.set('token', 'def', { role: 'viewer' });
    await journal.close();
  });

  it('says what it used and what is there now, and puts the old files aside', async () => {
    const before = catalog();
    const { exit, stdout } = await rebuild(dataDir);
    expect(exit).toBe(0);
    expect(stdout).toMatch(
      /^used catalog\/snapshot-0000000002 \(change 2, taken 2.*Z\) and 0 changes after it$/m,
    );
    expect(stdout).toContain(
      'the catalog has 2 entries now, in catalog/snapshot-0000000003: 2 token',
    );
    expect(stdout).toContain('nothing is lost');
    expect(stdout).toMatch(/put aside in quarantine\/catalog-1: 4 files and folders\n$/);
    expect(readdirSync(join(dataDir, 'quarantine/catalog-1')).sort()).toEqual(before);
    const journal = await openJournal(dataDir);
    expect(journal.problems()).toEqual([]);
    expect(journal.metadata.get('token', 'def')).toEqual({ role: 'viewer' });
    await journal.close();
  });

  it('works with the databases gone, and tells what may be lost, in JSON too', async () => {
    for (const name of catalog().filter((one) => !one.startsWith('snapshot'))) {
      rmSync(join(dataDir, 'catalog', name), { recursive: true });
    }
    const { exit, json } = await rebuild(dataDir, '--json');
    expect(exit).toBe(0);
    expect(json).toMatchObject({
      rebuilt: true,
      snapshot: { place: 'catalog/snapshot-0000000002', change: 2 },
      ...{ entries: 2, kinds: { token: 2 }, lost: [{ place: 'catalog/0000000002' }] },
      quarantine: 'quarantine/catalog-1',
    });
    expect((await rebuild(dataDir)).stdout).toContain('nothing is lost');
  });

  it('names a damaged snapshot that it could do without', async () => {
    const path = join(dataDir, 'catalog/snapshot-0000000002');
    const bytes = readFileSync(path);
    bytes[130]! ^= 1;
    writeFileSync(path, bytes);
    const { stdout } = await rebuild(dataDir);
    expect(stdout).toMatch(/^used catalog\/snapshot-0000000001 .* and 2 changes after it$/m);
    expect(stdout).toMatch(
      /^damaged, and nothing lost by it: .*\(catalog\/snapshot-0000000002\)$/m,
    );
    expect(stdout).toContain('nothing is lost');
  });

  it('refuses what it cannot do, by name, and leaves everything as it is', async () => {
    expect(await cli(['doctor', '--rebuild-catalog'])).toMatchObject({ exit: 2 });
    const empty = tempDir();
    expect((await rebuild(empty)).stderr).toContain('DATA_DIR_FORMAT');
    expect(readdirSync(empty)).toEqual([]);
    const journal = await openJournal(dataDir);
    expect((await rebuild(dataDir)).stderr).toContain('DATA_DIR_LOCKED');
    await journal.close();
    rmSync(join(dataDir, 'catalog'), { recursive: true });
    const { exit, stderr } = await rebuild(dataDir);
    expect(exit).toBe(1);
    expect(stderr).toMatch(/^retrace: CORRUPTION: .*nothing to rebuild from.*groups and volumes/);
    expect(readdirSync(dataDir)).not.toContain('quarantine');
  });
});
