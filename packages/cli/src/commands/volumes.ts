import { formatTarget, parseVolumeRef } from '@retrace/core';
import type { Command } from 'commander';
import { type JsonMap, mapField, mapsOf, numberField, textField } from '../client/fields.js';
import type { Io } from '../io.js';
import { formatTable } from '../output/table.js';
import { formatBytes, formatDuration, formatInstantTime } from '../output/units.js';
import { newCommand, openSession, type ServerOptions, withServerOptions } from './command.js';

/** The time of a place in the history, which is an object with `timeUs`. */
export const placeTime = (map: JsonMap, field: string): number | undefined =>
  numberField(mapField(map, field), 'timeUs');

/** The list for people. */
export const volumesText = (volumes: readonly JsonMap[], nowMs: number): string => {
  if (volumes.length === 0) {
    return 'No volumes yet: start an agent with "retrace agent" to protect one.';
  }
  const rows = volumes.map((volume) => [
    textField(volume, 'volume') ?? '-',
    formatBytes(numberField(volume, 'sizeBytes')),
    textField(volume, 'state') ?? '-',
    formatDuration(numberField(volume, 'rpoMs')),
    formatInstantTime(placeTime(volume, 'horizon'), nowMs),
    formatInstantTime(placeTime(volume, 'latest'), nowMs),
  ]);
  return formatTable(['VOLUME', 'SIZE', 'STATE', 'RPO', 'OLDEST INSTANT', 'NEWEST'], rows);
};

const run = async (volume: string | undefined, options: ServerOptions, io: Io): Promise<void> => {
  const name = volume === undefined ? undefined : formatTarget(parseVolumeRef(volume));
  const { api, out } = await openSession(options, io);
  const answer = await api.get('/v1/volumes', { volume: name });
  await out.result(answer, () => volumesText(mapsOf(answer), io.nowMs()));
};

/** `retrace volumes`: what is protected, and how far back. */
export const volumesCommand = (io: Io): Command =>
  withServerOptions(
    newCommand({
      usage: 'volumes [volume]',
      summary: 'List the protected volumes with state, RPO and the span of their history.',
      examples: [
        ['retrace volumes', 'all of them'],
        ['retrace volumes web-01/root --json', 'one of them, for a script'],
      ],
    }),
    io,
  ).action((volume: string | undefined, options: ServerOptions) => run(volume, options, io));
