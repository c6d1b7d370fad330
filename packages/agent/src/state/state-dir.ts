import { closeSync, mkdirSync, openSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import {
  RetraceError,
  STREAM_START,
  systemErrorCode,
  toRetraceError,
  tryLockExclusive,
} from '@retrace/core';
import type { Logger } from '../system/logger.js';
import type { Random } from '../system/random.js';
import {
  CLEAN_MARK_VERSION,
  type CleanMark,
  IDENTITY_VERSION,
  type Identity,
  PROGRESS_VERSION,
  type Progress,
  readCleanMark,
  readIdentity,
  readProgress,
} from './agent-state.js';
import { readSealed, removeDurably, writeSealed } from './sealed-file.js';

/** The agent's state folder, held by this process alone (docs/formats/agent-state.md). */
export class StateDir {
  readonly path: string;
  readonly #lockFd: number;
  readonly #logger: Logger;
  /** Something was there that could not be used: nothing is continuous with what was before. */
  #lost = false;
  #saves: Promise<void> = Promise.resolve();

  private constructor(path: string, lockFd: number, logger: Logger) {
    this.path = path;
    this.#lockFd = lockFd;
    this.#logger = logger;
  }

  /**
   * Creates the folder where it does not exist, and locks it.
   * @throws RetraceError STATE_LOCKED, STATE_INVALID
   */
  static open(path: string, logger: Logger): StateDir {
    try {
      mkdirSync(path, { recursive: true, mode: 0o700 });
      const fd = openSync(join(path, 'lock'), 'w', 0o600);
      if (tryLockExclusive(fd)) return new StateDir(path, fd, logger);
      closeSync(fd);
    } catch (cause) {
      const why = systemErrorCode(cause) ?? String(cause);
      throw new RetraceError('STATE_INVALID', `cannot use the state folder ${path}: ${why}`, {
        cause,
      });
    }
    throw new RetraceError(
      'STATE_LOCKED',
      `another agent uses the state folder ${path}: stop it, or give this one its own --state`,
    );
  }

  /** True when state of an earlier run was there and is lost. */
  get lost(): boolean {
    return this.#lost;
  }

  /** Who this agent is; undefined at the first start, and when it was lost. */
  loadIdentity(): Identity | undefined {
    return this.#load('identity', IDENTITY_VERSION, readIdentity);
  }

  saveIdentity(identity: Identity): Promise<void> {
    return writeSealed(this.#file('identity'), 'identity', IDENTITY_VERSION, identity);
  }

  /** How far the stream has come; from the beginning where nothing is known. */
  loadProgress(random: Random): Progress {
    const known = this.#load('progress', PROGRESS_VERSION, readProgress);
    if (known !== undefined) return known;
    return {
      sessionId: random.uuid(),
      epoch: 0,
      acknowledged: STREAM_START,
      lastTimeUs: 0,
      serverUuid: '',
    };
  }

  /** Durable when it resolves. Calls are carried out one after another. */
  saveProgress(progress: Progress): Promise<void> {
    const save = (): Promise<void> =>
      writeSealed(this.#file('progress'), 'progress', PROGRESS_VERSION, progress);
    const saved = this.#saves.then(save);
    this.#saves = saved.catch(() => undefined);
    return saved;
  }

  loadCleanMark(volume: string): CleanMark | undefined {
    return this.#load(`clean-${volume}`, CLEAN_MARK_VERSION, readCleanMark);
  }

  saveCleanMark(volume: string, mark: CleanMark): Promise<void> {
    return writeSealed(this.#file(`clean-${volume}`), `clean-${volume}`, CLEAN_MARK_VERSION, mark);
  }

  /** From now on the volume counts as unclean, whatever happens. */
  removeCleanMark(volume: string): Promise<void> {
    return removeDurably(this.#file(`clean-${volume}`));
  }

  /** Gives up the lock once what is being saved is saved. */
  async close(): Promise<void> {
    await this.#saves;
    closeSync(this.#lockFd);
  }

  #file(name: string): string {
    return join(this.path, name);
  }

  #load<T>(
    name: string,
    version: number,
    read: (fields: Readonly<Record<string, unknown>>) => T,
  ): T | undefined {
    const path = this.#file(name);
    const sealed = readSealed(path, name, version);
    if (sealed.kind === 'absent') return undefined;
    let why: string;
    if (sealed.kind === 'damaged') {
      why = sealed.why;
    } else {
      try {
        return read(sealed.value);
      } catch (error) {
        why = toRetraceError(error).message;
      }
    }
    // The disk must be served all the same: the file is put aside for a person to look at.
    this.#lost = true;
    renameSync(path, `${path}.damaged`);
    this.#logger.error({ path, why }, 'a state file is damaged: it was put aside, state is lost');
    return undefined;
  }
}
