import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { NbdClient } from '@retrace/nbd';
import { beforeAll, describe, expect, it } from 'vitest';
import { createToken, digest, type Protection, protect, retrace, tempDir } from '../lib/index.js';

const DISK = { name: 'root', sizeBytes: 1 << 20 };
const WRITES = 20;
const BLOCK_BYTES = 4096;

/** A piece of a stored file, as the command tells it. */
interface Part {
  readonly at: string;
  readonly what: string;
  /** Of an entry of the catalog. */
  readonly kind?: string;
  readonly id?: string;
  readonly records?: readonly { readonly kind: string }[];
}

/** What the command says of a file. */
interface Facts {
  readonly kind: string;
  readonly parts?: readonly Part[];
}

const inspect = async (path: string): Promise<Facts> =>
  (await retrace(['inspect', path, '--json'], { accept: [0] })).json as Facts;

const kindsOf = ({ parts = [] }: Facts): ReadonlySet<string> =>
  new Set(parts.map(({ what }) => what));

const recordKinds = ({ parts = [] }: Facts): string[] =>
  parts.flatMap(({ records = [] }) => records.map(({ kind }) => kind));

/** Every file below a folder with its contents and the time of its last change. */
const fingerprint = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .map((path) => `${path} ${statSync(path).mtimeMs} ${digest(readFileSync(path))}`)
    .sort();

describe('inspect of what a stopped server and agent have left', () => {
  let here: Protection;
  let token: string;
  const stored = (...path: string[]): string => join(here.server.dataDir, ...path);
  const segment = (...path: string[]): string => {
    const [name = ''] = readdirSync(stored('log'));
    return stored('log', name, ...path);
  };

  beforeAll(async () => {
    here = await protect({ disks: [DISK] });
    const client = await NbdClient.connect(here.agent.uri('root'));
    for (let i = 0; i < WRITES; i++)
      await client.write(i * BLOCK_BYTES, Buffer.alloc(BLOCK_BYTES, i + 1));
    await client.flush();
    await client.close();
    await here.agent.program.stop();
    await here.server.program.stop();
    token = await createToken({ dataDir: here.server.dataDir, role: 'viewer' });
  });

  it('tells a data directory, a state folder and any other folder apart', async () => {
    expect((await inspect(stored())).kind).toBe('a data directory of a journal server');
    expect((await inspect(here.agent.stateDir)).kind).toBe('a state folder of an agent');
    expect((await inspect(tempDir())).kind).toBe('a folder of no kind known to retrace');
  });

  it('reads the format file', async () => {
    const facts = await inspect(stored('format'));
    expect(facts).toMatchObject({
      kind: 'the format file of a data directory',
      damagedParts: 0,
      partCount: 1,
    });
    expect(facts.parts).toMatchObject([{ what: 'format-file', version: 2 }]);
  });

  it('reads the catalog, with the token that was made', async () => {
    const folder = await inspect(stored('catalog'));
    expect(folder.kind).toBe('the catalog of a data directory');
    const names = readdirSync(stored('catalog')).sort();
    const snapshot = names.filter((name) => name.startsWith('snapshot-')).at(-1) ?? '';
    const facts = await inspect(stored('catalog', snapshot));
    expect(facts).toMatchObject({
      kind: 'a snapshot of the catalog of a data directory',
      damagedParts: 0,
    });
    expect(kindsOf(facts)).toEqual(new Set(['catalog-snapshot', 'catalog-entry']));
    const entries = facts.parts?.map(({ kind, id }) =>
      `${kind} ${id}`.replace(/[0-9a-f]{12}/, 'ID'),
    );
    expect(entries).toEqual(expect.arrayContaining(['group 1', 'volume 1', 'token ID']));
    expect(JSON.stringify(facts)).not.toContain(token);
  });

  it('reads the changes that led to it', async () => {
    const reserve = readdirSync(stored('catalog')).sort()[0] ?? '';
    const facts = await inspect(stored('catalog', reserve));
    expect(facts).toMatchObject({
      kind: 'a generation of the catalog of a data directory (LevelDB)',
      damagedParts: 0,
    });
    expect(kindsOf(facts)).toEqual(new Set(['catalog-version', 'catalog-change', 'catalog-end']));
    expect(JSON.stringify(facts)).not.toContain(token);
  });

  it('reads the records of a segment, from entries and payload file alike', async () => {
    const entries = await inspect(segment('entries'));
    expect(entries).toMatchObject({
      kind: 'the entries of a log segment (LevelDB)',
      damagedParts: 0,
    });
    const payload = await inspect(segment('payload'));
    expect(payload).toMatchObject({ kind: 'the payload file of a log segment', damagedParts: 0 });
    expect(recordKinds(payload)).toEqual(recordKinds(entries));
    expect(recordKinds(entries).filter((kind) => kind === 'write').length).toBeGreaterThanOrEqual(
      WRITES,
    );
    expect(recordKinds(entries)).toEqual(expect.arrayContaining(['mark', 'define', 'flush']));
  });

  it('reads every state file of the agent', async () => {
    const names = readdirSync(here.agent.stateDir).filter((name) => name !== 'lock');
    expect(names.sort()).toEqual(['clean-root', 'identity', 'progress']);
    const contents = [{ sizeBytes: DISK.sizeBytes }, { machine: 'web-01' }, { epoch: 1 }];
    for (const [i, name] of names.entries()) {
      expect(await inspect(join(here.agent.stateDir, name))).toMatchObject({
        kind: `agent state: ${name}`,
        intact: true,
        contents: contents[i],
      });
    }
  });

  it('names a damaged part, with what is still known before it', async () => {
    const file = join(tempDir(), 'payload');
    const bytes = readFileSync(segment('payload'));
    bytes[100]! ^= 1;
    writeFileSync(file, bytes);
    expect(await inspect(file)).toMatchObject({
      kind: 'the payload file of a log segment',
      damagedParts: 1,
      parts: [
        { at: 'byte 0', what: 'payload-header', segment: 1 },
        { at: 'byte 64', what: 'damaged', why: expect.stringContaining('checksum') as string },
      ],
    });
  });

  it('refuses what is not there, by name', async () => {
    const path = stored('nothing');
    const { exit, stderr } = await retrace(['inspect', path]);
    expect(exit).toBe(2);
    expect(stderr).toBe(`retrace: USAGE: ${path} cannot be read: ENOENT\n`);
  });

  it('changes nothing', async () => {
    const before = fingerprint(stored());
    const catalog = readdirSync(stored('catalog')).map((name) => stored('catalog', name));
    for (const path of [stored(), ...catalog, segment('entries')]) await inspect(path);
    expect(fingerprint(stored())).toEqual(before);
  });
});
