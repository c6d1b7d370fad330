import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findToken } from './token.js';

describe('findToken', () => {
  let home: string;
  let file: string;

  beforeEach(async () => {
    home = await mkdtemp(join(tmpdir(), 'retrace-token-'));
    file = join(home, '.config', 'retrace', 'token');
    await mkdir(join(home, '.config', 'retrace'), { recursive: true });
    await writeFile(file, 'from-file\n', { mode: 0o600 });
  });
  afterEach(() => rm(home, { recursive: true, force: true }));

  it('prefers what is closer to the command', async () => {
    const env = { RETRACE_TOKEN: 'from-env' };
    const other = join(home, 'other');
    await writeFile(other, 'from-other', { mode: 0o600 });
    expect(await findToken({ token: 'given', tokenFile: other }, { env, home })).toBe('given');
    expect(await findToken({ tokenFile: other }, { env, home })).toBe('from-other');
    expect(await findToken({}, { env, home })).toBe('from-env');
    expect(await findToken({}, { env: {}, home })).toBe('from-file');
    expect(await findToken({}, { env: {}, home: '/nonexistent' })).toBeUndefined();
  });

  it('looks where XDG_CONFIG_HOME says', async () => {
    const env = { XDG_CONFIG_HOME: join(home, '.config') };
    expect(await findToken({}, { env, home: '/nonexistent' })).toBe('from-file');
  });

  it.each([0o640, 0o604, 0o620])('refuses a file of mode %o', async (mode) => {
    await chmod(file, mode);
    await expect(findToken({}, { env: {}, home })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringMatching(/open to others.*chmod 600/) as string,
    });
  });

  it('refuses a file without one token, and a missing one that was named', async () => {
    await writeFile(file, 'two words');
    await expect(findToken({}, { env: {}, home })).rejects.toThrow(/does not hold one token/);
    const tokenFile = join(home, 'none');
    await expect(findToken({ tokenFile }, { env: {}, home })).rejects.toThrow(/no token file/);
  });
});
