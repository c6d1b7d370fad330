import { GROUP_VOLUME_INDEX, type StreamPosition, type VolumeReport } from '@retrace/core';
import type { NbdServer } from '@retrace/nbd';
import type { Copies } from '../copy/copies.js';
import type { Session } from '../session/session.js';
import type { EpochLedger } from '../state/epoch-ledger.js';
import type { StateDir } from '../state/state-dir.js';
import { isConsistent } from '../states/volume-states.js';
import type { RecordStream } from '../stream/record-stream.js';
import type { Logger } from '../system/logger.js';
import type { Scheduler } from '../system/scheduler.js';
import type { Volume } from '../volume/volume.js';
import type { VolumePaths } from '../volume/volume-export.js';
import type { StopResult, VolumeOutcome } from './events.js';
import type { Offered } from './listen.js';
import type { Recording } from './recording.js';
import type { StateTeller } from './state-teller.js';

const STOP_TIMEOUT_MS = 10_000;

/** What a running agent is made of. */
export interface AgentParts {
  readonly state: StateDir;
  readonly ledger: EpochLedger;
  readonly stream: RecordStream;
  readonly recording: Recording;
  readonly session: Session;
  readonly copies: Copies;
  readonly paths: readonly VolumePaths[];
  readonly told: StateTeller;
  readonly scheduler: Scheduler;
  readonly logger: Logger;
  readonly servers: readonly NbdServer[];
  readonly offered: readonly Offered[];
}

/** One volume of a running agent. */
export interface VolumeStatus extends VolumeReport {
  /** `MACHINE/NAME`. */
  readonly volume: string;
  readonly uri: string;
}

/** An agent that protects its volumes until it is stopped. */
export class RunningAgent {
  readonly #parts: AgentParts;
  #stopping: Promise<StopResult> | undefined;

  constructor(parts: AgentParts) {
    this.#parts = parts;
    parts.told.begin();
  }

  /** The volumes as they are now, in the order of the options. */
  get volumes(): readonly VolumeStatus[] {
    return this.#parts.offered.map(({ paths: { volume }, uri }) => ({
      ...volume.report(),
      volume: volume.fullName,
      uri,
    }));
  }

  /** Whether a session with the journal server is under way. */
  get connected(): boolean {
    return this.#parts.session.live;
  }

  /** What the journal has yet to acknowledge. */
  get queued(): { readonly records: number; readonly bytes: number } {
    const { queue } = this.#parts.stream;
    return { records: queue.length, bytes: queue.bytes };
  }

  /** The last record given a number. */
  get position(): StreamPosition {
    return this.#parts.stream.position;
  }

  /** Tells the state of a volume as an event, if that is news. */
  tellState(volume: Volume): void {
    this.#parts.told.tell(volume);
  }

  /**
   * Stops serving, makes the disks durable and waits up to `timeoutMs` (default 10 s) for the
   * journal to have everything. Volumes that were protected then are clean: the next start needs
   * no copy of them. Never rejects for what only makes the stop unclean.
   */
  stop(options: { readonly timeoutMs?: number } = {}): Promise<StopResult> {
    this.#stopping ??= this.#stop(options.timeoutMs ?? STOP_TIMEOUT_MS);
    return this.#stopping;
  }

  async #stop(timeoutMs: number): Promise<StopResult> {
    const { servers, copies, paths, stream, session, recording, ledger, state, scheduler } =
      this.#parts;
    const deadlineMs = scheduler.nowMs() + timeoutMs;
    await Promise.all(servers.map((server) => server.close({ timeoutMs })));
    copies.stop();
    const synced = await Promise.all(paths.map(({ volume }) => this.#sync(volume)));
    const stopped = await this.#journalEnd(Math.max(1, deadlineMs - scheduler.nowMs()));
    const volumes: VolumeOutcome[] = [];
    for (const [index, { volume }] of paths.entries()) {
      volumes.push(await this.#outcome(volume, synced[index] === true, stopped));
    }
    const result = {
      volumes,
      unsentRecords: stopped === undefined ? stream.queue.length : 0,
      unsentBytes: stopped === undefined ? stream.queue.bytes : 0,
    };
    session.stop('the agent stops');
    await this.#quietly(() => ledger.save(), 'the state folder cannot be written');
    ledger.stop();
    recording.end();
    await copies.idle();
    // A request that hangs still uses its descriptor: that number must not come to mean another.
    for (const { volume } of paths) if (volume.locks.size === 0) volume.disk.close();
    await this.#quietly(() => state.close(), 'the state folder cannot be closed');
    return result;
  }

  /** Records the clean stop; its place once the journal has it, undefined when time ran out. */
  async #journalEnd(timeoutMs: number): Promise<StreamPosition | undefined> {
    const { stream, recording, session, scheduler } = this.#parts;
    if (!stream.recording) return undefined;
    const n = stream.mark(GROUP_VOLUME_INDEX, { mark: 'clean-stop' });
    const { epoch } = stream;
    session.urgent();
    let cancel = (): void => {};
    const timeout = new Promise<void>((resolve) => {
      cancel = scheduler.after(timeoutMs, resolve);
    });
    await Promise.race([recording.whenAcknowledged(n), timeout]);
    cancel();
    return stream.recording && stream.epoch === epoch && stream.ackedN >= n
      ? { epoch, n }
      : undefined;
  }

  async #outcome(
    volume: Volume,
    synced: boolean,
    stoppedAt: StreamPosition | undefined,
  ): Promise<VolumeOutcome> {
    const { state, ledger } = this.#parts;
    const outcome = { volume: volume.fullName, state: volume.state };
    const unclean = (reason: string): VolumeOutcome => ({ ...outcome, clean: false, reason });
    if (!isConsistent(volume.state)) return unclean(`it was ${volume.state}: ${volume.reason}`);
    if (stoppedAt === undefined) return unclean('the journal does not have everything');
    if (!synced) return unclean('the local disk failed to sync');
    const { serverUuid } = ledger.progress;
    const mark = { volumeUuid: volume.definition.uuid, serverUuid, stoppedAt };
    const saved = await this.#quietly(
      () => state.saveCleanMark(volume.definition.name, { ...mark, ...volume.disk.stamp() }),
      'the clean-stop mark cannot be written',
    );
    return saved ? { ...outcome, clean: true, reason: '' } : unclean('the state folder failed');
  }

  #sync(volume: Volume): Promise<boolean> {
    return this.#quietly(() => volume.durability.sync(), 'the local disk failed to sync');
  }

  async #quietly(run: () => Promise<void>, what: string): Promise<boolean> {
    try {
      await run();
      return true;
    } catch (error) {
      this.#parts.logger.error({ error }, what);
      return false;
    }
  }
}
