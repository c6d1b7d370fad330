import { describe, expect, it } from 'vitest';
import { formatFindings } from './finding.js';
import { checkLockFile, type LockFile } from './lock-file.js';
import { readText } from './source-tree.js';

describe('the lock file', () => {
  it('can be installed on any machine', () => {
    const lock = JSON.parse(readText('package-lock.json')) as LockFile;
    expect(formatFindings(checkLockFile(lock))).toEqual([]);
  });

  it('is found to leave a platform out, or to name a registry', () => {
    const packages = {
      'node_modules/a': {
        version: '1.0.0',
        resolved: 'https://registry.example/a.tgz',
        optionalDependencies: { 'a-linux': '1.0.0', '@a/darwin': '1.0.0', 'a-win32': '1.0.0' },
      },
      'node_modules/a-linux': { version: '1.0.0' },
      'node_modules/x/node_modules/@a/darwin': { version: '1.0.0' },
      'packages/own': { link: true, resolved: 'packages/own' },
    };
    expect(formatFindings(checkLockFile({ packages }))).toEqual([
      'package-lock.json: node_modules/a may need a-win32, which is not locked',
      'package-lock.json: node_modules/a names a registry',
    ]);
  });
});
