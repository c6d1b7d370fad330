import { checkName, parseTarget, RetraceError } from '@retrace/core';
import type { Command } from 'commander';
import { mapOf, numberField, textField } from '../client/fields.js';
import type { Io } from '../io.js';
import { formatInstantTime } from '../output/units.js';
import { newCommand, openSession, type ServerOptions, withServerOptions } from './command.js';

interface BookmarkOptions extends ServerOptions {
  readonly freeze?: string;
}

const run = async (
  target: string,
  name: string,
  options: BookmarkOptions,
  io: Io,
): Promise<void> => {
  if (options.freeze !== undefined) {
    throw new RetraceError(
      'USAGE',
      '--freeze is not in this version: leave it out for a crash-consistent bookmark, or freeze ' +
        'the filesystem yourself around it (fsfreeze -f, retrace bookmark, fsfreeze -u)',
    );
  }
  parseTarget(target);
  checkName(name, 'bookmark name');
  const { api, out } = await openSession(options, io);
  const answer = await api.post('/v1/bookmarks', { target, name });
  await out.result(answer, () => {
    const map = mapOf(answer);
    const when = formatInstantTime(numberField(map, 'timeUs'), io.nowMs());
    const consistency = textField(map, 'consistency') ?? 'crash';
    return (
      `bookmark:${name} is seq:${numberField(map, 'seq') ?? '?'} of ` +
      `${textField(map, 'group') ?? target}, ${when}, ${consistency}-consistent`
    );
  });
};

/** `retrace bookmark`: names the present instant. */
export const bookmarkCommand = (io: Io): Command =>
  withServerOptions(
    newCommand({
      usage: 'bookmark <volume|group> <name>',
      summary: 'Give the present instant of a group a name (crash-consistent).',
      examples: [
        ['retrace bookmark web-01 before-upgrade', 'all volumes of a machine'],
        ['retrace resolve web-01@bookmark:before-upgrade', 'find it again'],
      ],
      notes: 'The mark goes through the agent, which must be connected.',
    }).option('--freeze <mountpoint>', 'freeze a filesystem meanwhile: not in this version'),
    io,
  ).action((target: string, name: string, options: BookmarkOptions) =>
    run(target, name, options, io),
  );
