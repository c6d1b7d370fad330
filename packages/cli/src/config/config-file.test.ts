import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { tempDir } from '../../../../test/lib/temp-dir.js';
import { cli } from '../testing/cli.js';
import { ConfigFile } from './config-file.js';

const fileOf = (text: string): string => {
  const path = join(tempDir(), 'config.json');
  writeFileSync(path, text);
  return path;
};

describe('a configuration file', () => {
  it('gives checked values, and undefined for what is not there', async () => {
    const path = fileOf('{"data":"/d","volumes":[{"name":"root"}]}');
    const file = await ConfigFile.read(path, ['data', 'listen', 'volumes']);
    expect(file.text('data')).toBe('/d');
    expect(file.text('listen')).toBeUndefined();
    expect(file.list('volumes', ['name'])?.[0]?.text('name')).toBe('root');
  });

  it.each([
    ['{', /is not JSON/],
    ['[]', /is not a JSON object/],
    ['{"dta":"/d"}', /there is no key "dta"; the keys are: data, volumes/],
    ['{"data":5}', /"data" must be a text/],
    ['{"volumes":[5]}', /"volumes\[0\]" must be an object/],
    ['{"volumes":[{"nme":"x"}]}', /volumes\[0\]: there is no key "nme"/],
  ])('refuses %s, naming the key', async (text, message) => {
    const read = async () => {
      const file = await ConfigFile.read(fileOf(text), ['data', 'volumes']);
      file.text('data');
      file.list('volumes', ['name']);
    };
    await expect(read()).rejects.toThrow(message);
    await expect(read()).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  });

  it('goes behind the options of the command', async () => {
    const config = fileOf('{"machine":"web-01","state":"/s","volumes":[{"name":"A","path":"/x"}]}');
    const fromFile = await cli(['agent', '--config', config]);
    expect(fromFile).toMatchObject({ exit: 2 });
    expect(fromFile.stderr).toMatch(/"A" is not a volume name/);
    const both = await cli(['agent', '--config', config, '--volume', 'root']);
    expect(both.stderr).toMatch(/--volume "root": there is no "="/);
    expect((await cli(['server', '--config', '/nonexistent'])).stderr).toMatch(/ENOENT/);
  });
});
