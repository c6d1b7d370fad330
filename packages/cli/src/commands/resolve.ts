import { parseTargetInstant } from '@retrace/core';
import type { Command } from 'commander';
import {
  type JsonMap,
  mapField,
  mapOf,
  numberField,
  textField,
  textsField,
} from '../client/fields.js';
import type { Io } from '../io.js';
import { formatFacts } from '../output/table.js';
import { formatCount, formatInstantTime } from '../output/units.js';
import { newCommand, openSession, type ServerOptions, withServerOptions } from './command.js';

/** A neighbouring instant, which the server gives as an object or as a name. */
const neighbour = (answer: JsonMap, field: string, nowMs: number): string | undefined => {
  const text = textField(answer, field);
  if (text !== undefined) return text;
  const place = mapField(answer, field);
  if (place === undefined) return undefined;
  const name = textField(place, 'name') ?? `seq:${numberField(place, 'seq') ?? '?'}`;
  return `${name}  ${formatInstantTime(numberField(place, 'timeUs'), nowMs)}`;
};

/** The server's answer for people. */
export const resolutionText = (answer: JsonMap, nowMs: number): string => {
  const name = textField(answer, 'volume') ?? textField(answer, 'group') ?? '-';
  const exact = answer.exact === false ? ' (the nearest at or before what was asked)' : '';
  return formatFacts([
    [textField(answer, 'volume') === undefined ? 'group' : 'volume', name],
    ['seq', formatCount(numberField(answer, 'seq'))],
    ['time', formatInstantTime(numberField(answer, 'timeUs'), nowMs)],
    ['state', `${textField(answer, 'state') ?? '-'}${exact}`],
    ['name', `${name}@${textField(answer, 'name') ?? `seq:${numberField(answer, 'seq')}`}`],
    ['consistent', textsField(answer, 'volumes').join(', ') || undefined],
    ['before', neighbour(answer, 'before', nowMs)],
    ['after', neighbour(answer, 'after', nowMs)],
  ]);
};

const run = async (target: string, options: ServerOptions, io: Io): Promise<void> => {
  parseTargetInstant(target);
  const { api, out } = await openSession(options, io);
  const answer = await api.get('/v1/resolve', { target });
  await out.result(answer, () => resolutionText(mapOf(answer) ?? {}, io.nowMs()));
};

/** `retrace resolve`: the exact seq, time and state of an instant, or why it cannot be had. */
export const resolveCommand = (io: Io): Command =>
  withServerOptions(
    newCommand({
      usage: 'resolve <volume|group@instant>',
      summary: 'Show the exact seq, time and state of an instant, or why it cannot be had.',
      examples: [
        ['retrace resolve web-01/root@-5m', 'five minutes before the newest of the volume'],
        ['retrace resolve web-01@2026-11-22T10:41:07.250Z', 'all volumes of a machine'],
        ['retrace resolve web-01/root@~bookmark:before-upgrade --json', 'for a script'],
      ],
      notes: 'Exit status 3 when the instant cannot be had; the message names its neighbours.',
    }),
    io,
  ).action((target: string, options: ServerOptions) => run(target, options, io));
