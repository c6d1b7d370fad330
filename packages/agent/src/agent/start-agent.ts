import { RetraceError, systemClock, type TimeUs } from '@retrace/core';
import { liesOn } from '../backing/holds-state.js';
import { type OpenDisk, openDisk } from '../backing/open-disk.js';
import { Copies } from '../copy/copies.js';
import { type AgentLimits, resolveLimits } from '../limits.js';
import { BufferPool } from '../queue/buffer-pool.js';
import { RecordQueue } from '../queue/record-queue.js';
import { Room } from '../queue/room.js';
import { agentSocketUrl } from '../session/server-url.js';
import { Session } from '../session/session.js';
import { EpochLedger } from '../state/epoch-ledger.js';
import { StateDir } from '../state/state-dir.js';
import { RecordStream } from '../stream/record-stream.js';
import { silentLogger } from '../system/logger.js';
import { systemRandom } from '../system/random.js';
import { systemScheduler } from '../system/scheduler.js';
import { Volume } from '../volume/volume.js';
import { VolumePaths } from '../volume/volume-export.js';
import { defaultListen, offerVolumes, parseListen } from './listen.js';
import { type AgentOptions, checkOptions } from './options.js';
import { type Prepared, prepareVolumes } from './prepare.js';
import { Recording } from './recording.js';
import { type AgentParts, RunningAgent } from './running-agent.js';
import { StateTeller } from './state-teller.js';

const SOFTWARE = 'retrace-agent';

/** What the parts of an agent share. */
interface Base {
  readonly options: AgentOptions;
  readonly limits: AgentLimits;
  readonly state: StateDir;
  readonly prepared: Prepared;
}

/**
 * Protects volumes: serves each as an NBD export and streams what is written to the journal server.
 * Resolves once clients can attach; the server need not be there.
 *
 * @example
 * const agent = await startAgent({
 *   server: 'http://127.0.0.1:7400', machine: 'web-01', stateDir: '/var/lib/retrace',
 *   volumes: [{ name: 'root', path: '/dev/vdb' }], onEvent: (event) => console.log(event),
 * });
 * await agent.stop();
 *
 * @throws RetraceError NAME_INVALID, CONFIG_INVALID, STATE_LOCKED, STATE_INVALID, STATE_ON_VOLUME,
 * VOLUME_NOT_FOUND, VOLUME_IN_USE, VOLUME_SIZE, PORT_IN_USE, LISTEN_REFUSED
 */
export const startAgent = async (options: AgentOptions): Promise<RunningAgent> => {
  checkOptions(options);
  agentSocketUrl(options.server);
  for (const { listen } of options.volumes) if (listen !== undefined) parseListen(listen);
  const limits = resolveLimits(options.limits);
  const logger = options.logger ?? silentLogger;
  const disksOf: OpenDisk = options.openDisk ?? openDisk;
  const state = StateDir.open(options.stateDir, logger);
  const undo: (() => unknown)[] = [() => state.close()];
  try {
    const disks = options.volumes.map(({ path }) => {
      if (options.openDisk === undefined) refuseStateOn(options.stateDir, path);
      const disk = disksOf(path);
      undo.push(() => disk.close());
      return disk;
    });
    const prepared = await prepareVolumes(options, state, disks, options.random ?? systemRandom);
    return await run({ options, limits, state, prepared });
  } catch (error) {
    for (const step of undo.reverse()) await step();
    throw error;
  }
};

const refuseStateOn = (stateDir: string, path: string): void => {
  if (!liesOn(stateDir, path)) return;
  const how = 'put it on a disk of its own, or run the agent on the host';
  throw new RetraceError(
    'STATE_ON_VOLUME',
    `${stateDir} lies on ${path}, which is protected: ${how}`,
  );
};

const run = async (base: Base): Promise<RunningAgent> => {
  const { options, state } = base;
  const parts = assemble(base);
  await parts.recording.start();
  const offers = parts.paths.map((paths, index) => {
    const { name, listen } = options.volumes[index]!;
    return { paths, listen: listen ?? defaultListen(state.path, name) };
  });
  const { servers, offered } = await offerVolumes(offers, parts.logger);
  for (const { paths, uri } of offered) {
    options.onEvent?.({ event: 'ready', volume: paths.volume.fullName, uri });
  }
  const agent = new RunningAgent({ ...parts, servers, offered });
  for (const { volume } of parts.paths) agent.tellState(volume);
  parts.session.start();
  return agent;
};

const assemble = (base: Base): Omit<AgentParts, 'servers' | 'offered'> => {
  const { options, limits, state, prepared } = base;
  const logger = options.logger ?? silentLogger;
  const scheduler = options.scheduler ?? systemScheduler;
  const random = options.random ?? systemRandom;
  const { progress, group } = prepared;
  const ledger = new EpochLedger(state, progress, limits, scheduler, logger);
  const queue = new RecordQueue(new BufferPool(limits.idleBufferBytesMax));
  const clock = options.clock ?? systemClock;
  const stream = new RecordStream(queue, clock, progress.lastTimeUs as TimeUs);
  const giveUp = (): void => recording.giveUpQueue();
  const isWorthWaiting = (): boolean => volumes.some((volume) => volume.hasHistory);
  const room = new Room(queue, limits, scheduler, giveUp, isWorthWaiting);
  const told = new StateTeller(options.onEvent, () => session.reportSoon());
  const volumes = prepared.volumes.map(
    (volume, index) =>
      new Volume({
        ...volume,
        index,
        stream,
        scheduler,
        limits,
        listener: {
          changed: (changed) => told.tell(changed),
          copyDue: () => copies.kick(),
          urgent: () => session.urgent(),
        },
      }),
  );
  const contexts = volumes.map((volume) => ({ volume, stream, room, limits, scheduler }));
  const recording = new Recording({
    group,
    software: options.software ?? SOFTWARE,
    instanceId: random.uuid(),
    takeOver: options.takeOver === true,
    cleanFrom: prepared.cleanFrom,
    stream,
    room,
    volumes,
    ledger,
    limits,
    logger,
  });
  const session = new Session({
    url: agentSocketUrl(options.server),
    token: options.token,
    stream,
    limits,
    scheduler,
    random,
    logger,
    host: recording,
  });
  const copies = new Copies(contexts, logger, () => session.live);
  recording.attach(session, copies);
  stream.listener = session;
  const paths = contexts.map((context) => new VolumePaths(context));
  return { state, ledger, stream, recording, session, copies, paths, told, scheduler, logger };
};
