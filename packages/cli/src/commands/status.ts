import type { Command } from 'commander';
import {
  type JsonMap,
  mapField,
  mapOf,
  mapsField,
  numberField,
  textField,
  textsField,
} from '../client/fields.js';
import type { Io } from '../io.js';
import { formatFacts, formatTable } from '../output/table.js';
import { formatAge, formatBytes, formatDuration, formatInstantTime } from '../output/units.js';
import { newCommand, openSession, type ServerOptions, withServerOptions } from './command.js';
import { placeTime } from './volumes.js';

const serverText = (server: JsonMap | undefined, url: string): string =>
  formatFacts([
    ['server', `${url}, version ${textField(server, 'version') ?? '-'}`],
    ['data', textField(server, 'dataDir')],
    ['nbd', textsField(server, 'nbd').join(', ') || 'not served'],
    ['tokens', server?.tokensRequired === true ? 'required' : 'none yet: open to this machine'],
  ]);

const agentText = (group: JsonMap, nowMs: number): string => {
  const agent = mapField(group, 'agent');
  const since = numberField(agent, 'sinceUs');
  const when = since === undefined ? '' : ` (${formatAge(since, nowMs)})`;
  const queued = formatBytes(numberField(group, 'queuedBytes') ?? 0);
  if (agent?.connected === true) {
    return `agent ${textField(agent, 'remote') ?? ''} connected${when}, ${queued} queued`;
  }
  const silentMs = numberField(agent, 'silentMs');
  const silent = silentMs === undefined ? '' : `, silent for ${formatDuration(silentMs)}`;
  return `agent NOT CONNECTED${silent}`;
};

const stateText = (volume: JsonMap): string => {
  const state = textField(volume, 'state') ?? '-';
  const total = numberField(volume, 'copyTotalBytes') ?? 0;
  const done = numberField(volume, 'copiedBytes') ?? 0;
  return total > 0 ? `${state} ${Math.floor((done / total) * 100)}%` : state;
};

const durabilityText = (volume: JsonMap): string => {
  const configured = textField(volume, 'durability') ?? '-';
  const inForce = textField(volume, 'durabilityInForce') ?? configured;
  return inForce === configured ? configured : `${configured} (now ${inForce})`;
};

const volumeRow = (volume: JsonMap, nowMs: number): readonly string[] => {
  const horizonUs = placeTime(volume, 'horizon');
  return [
    textField(volume, 'volume') ?? '-',
    stateText(volume),
    formatDuration(numberField(volume, 'rpoMs')),
    durabilityText(volume),
    formatBytes(numberField(volume, 'sizeBytes')),
    horizonUs === undefined ? 'none yet' : formatDuration(nowMs - horizonUs / 1000),
    formatInstantTime(placeTime(volume, 'latest'), nowMs),
    textField(volume, 'reason') ?? '',
  ];
};

const groupText = (group: JsonMap, nowMs: number): string => {
  const rows = mapsField(group, 'volumes').map((volume) => volumeRow(volume, nowMs));
  const heading = ['VOLUME', 'STATE', 'RPO', 'DURABILITY', 'SIZE', 'HISTORY', 'NEWEST', ''];
  const name = textField(group, 'name') ?? '-';
  return `${name}: ${agentText(group, nowMs)}\n${formatTable(heading, rows)}`;
};

const complaints = (label: string, items: readonly JsonMap[]): readonly string[] =>
  items.map((item) => {
    const place = textField(item, 'place');
    const where = place === undefined ? '' : ` (${place})`;
    const code = textField(item, 'code') ?? '-';
    return `${label} ${code}: ${textField(item, 'message') ?? ''}${where}`;
  });

/** The server's status for people. */
export const statusText = (status: JsonMap, url: string, nowMs: number): string => {
  const server = mapField(status, 'server');
  const groups = mapsField(status, 'groups').map((group) => groupText(group, nowMs));
  const wrong = [
    ...complaints('PROBLEM', mapsField(server, 'problems')),
    ...complaints('ALARM', mapsField(status, 'alarms')),
  ].join('\n');
  const none = 'No groups yet: start an agent with "retrace agent" to protect a volume.';
  return [serverText(server, url), wrong, ...(groups.length === 0 ? [none] : groups)]
    .filter((part) => part !== '')
    .join('\n\n');
};

const run = async (options: ServerOptions, io: Io): Promise<void> => {
  const { api, out } = await openSession(options, io);
  const answer = await api.get('/v1/status');
  await out.result(answer, () => statusText(mapOf(answer) ?? {}, api.url.origin, io.nowMs()));
};

/** `retrace status`: everything at a glance. */
export const statusCommand = (io: Io): Command =>
  withServerOptions(
    newCommand({
      usage: 'status',
      summary: 'Show the server, its agents and volumes: state, RPO, history, problems.',
      examples: [
        ['retrace status', 'the server on this machine'],
        ['retrace status --server http://journal:7400 --json', 'another one, for a script'],
      ],
    }),
    io,
  ).action((options: ServerOptions) => run(options, io));
