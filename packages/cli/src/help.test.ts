import { describe, expect, it } from 'vitest';
import { cli } from './testing/cli.js';

const COMMANDS = [
  ['server'],
  ['agent'],
  ['status'],
  ['volumes'],
  ['timeline'],
  ['resolve'],
  ['bookmark'],
  ['mount'],
  ['umount'],
  ['export'],
  ['verify'],
  ['inspect'],
  ['token', 'create'],
  ['token', 'list'],
  ['token', 'revoke'],
  ['doctor'],
];

describe('the command line', () => {
  it.each(COMMANDS)('%s %s has help with examples and --json', async (...command) => {
    const names = command.filter((name) => name !== undefined);
    const { exit, stdout, stderr } = await cli([...names, '--help']);
    expect(exit).toBe(0);
    expect(stderr).toBe('');
    expect(stdout).toContain(`Usage: retrace ${names.join(' ')}`);
    expect(stdout).toContain('--json');
    expect(stdout).toMatch(/Examples:\n {2}retrace /);
  });

  it('lists its commands, and none of later versions', async () => {
    const { exit, stdout } = await cli(['--help']);
    expect(exit).toBe(0);
    for (const [name] of COMMANDS) expect(stdout).toMatch(new RegExp(`^ {2}${name} `, 'm'));
    expect(stdout).not.toMatch(/^ {2}(restore|clone|bisect|failover) /m);
  });

  it('tells its version', async () => {
    const { exit, stdout } = await cli(['--version']);
    expect(exit).toBe(0);
    expect(stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  it.each([
    [['restore', 'a/b@latest', '--to', 'x'], /"restore" is not in this version/],
    [['bisect', '--json'], /"bisect" is not in this version/],
    [['statsu'], /there is no command "statsu"; the commands are: server, /],
    [[], /which command\?/],
    [['status', '--nonsense'], /unknown option '--nonsense'/],
    [['status', 'superfluous'], /too many arguments/],
    [['resolve'], /missing required argument/],
    [['export', 'a/b', 'x', '--format', 'vmdk'], /Allowed choices are raw, qcow2/],
    [['token'], /token create, token list or token revoke/],
    [['token', 'create'], /--role/],
    [['token', 'create', '--role', 'king'], /Allowed choices are agent, viewer/],
    [['server'], /--data DIR is missing/],
    [['agent', '--state', '/s', '--volume', 'a=/x'], /--machine NAME is missing/],
    [['agent', '--machine', 'm', '--state', '/s'], /--volume is missing/],
    [['status', '--server', 'nonsense'], /is not a server's address/],
    [['mount', 'a/b@latest', '/'], /mount needs root/],
    [['umount', '/'], /umount needs root/],
    [['bookmark', 'a', 'b', '--freeze', '/'], /--freeze is not in this version/],
    [['export', 'a/b', '-', '--format', 'qcow2'], /qcow2 cannot be written to stdout/],
    [['timeline', 'a/b', '--bucket', '5'], /is not a span/],
  ])('refuses %j as wrong usage', async (args, message) => {
    const { exit, stderr, stdout, json } = await cli(args);
    expect(exit).toBe(2);
    expect(stderr).toMatch(/^retrace: [A-Z_]+: [^\n]+\n$/);
    expect(stderr).toMatch(message);
    if (args.includes('--json')) {
      expect(json).toMatchObject({ error: { code: 'USAGE', exit: 2 } });
    } else {
      expect(stdout).toBe('');
    }
  });

  it.each([
    ['resolve', 'a/b@yesterday', 'INSTANT_INVALID', 2],
    ['resolve', 'A/b@latest', 'NAME_INVALID', 2],
    ['resolve', 'a/b@seq:0', 'INSTANT_UNKNOWN', 3],
    ['resolve', 'a/b@2026-11-22T10:41:07', 'INSTANT_WITHOUT_ZONE', 3],
    ['volumes', 'machine', 'NAME_INVALID', 2],
  ])('%s %s is %s before any server is asked', async (command, target, code, exit) => {
    const result = await cli([command, target, '--json', '--server', 'http://127.0.0.1:1']);
    expect(result.exit).toBe(exit);
    expect(result.stderr).toMatch(new RegExp(`^retrace: ${code}: `));
    expect(result.json).toMatchObject({ error: { code, exit } });
  });
});
