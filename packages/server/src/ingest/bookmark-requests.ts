import {
  type BookmarkDone,
  comparePositions,
  RetraceError,
  type ServerMessage,
  type StreamPosition,
} from '@retrace/core';

interface Pending {
  readonly name: string;
  /** Where the mark stands, once the agent has said so. */
  position: StreamPosition | undefined;
  readonly resolve: () => void;
  readonly reject: (error: RetraceError) => void;
}

/** The bookmarks one session's agent was asked for and that are not stored yet. */
export class BookmarkRequests {
  readonly #pending = new Map<number, Pending>();
  #last = 0;

  /**
   * Asks for a bookmark; resolves when its mark is durable.
   * @throws RetraceError AGENT_AWAY after `timeoutMs` or when the session ends; BOOKMARK_EXISTS
   *   while one of that name is on its way; CHECK_FAILED with the agent's own words
   */
  ask(name: string, timeoutMs: number, send: (message: ServerMessage) => void): Promise<void> {
    for (const pending of this.#pending.values()) {
      if (pending.name === name) {
        throw new RetraceError('BOOKMARK_EXISTS', `bookmark ${name} is just being made`);
      }
    }
    const request = ++this.#last;
    return new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#pending.delete(request);
        reject(
          new RetraceError(
            'AGENT_AWAY',
            `the agent did not answer within ${timeoutMs} ms; the bookmark may still appear`,
          ),
        );
      }, timeoutMs);
      this.#pending.set(request, {
        name,
        position: undefined,
        resolve: () => {
          clearTimeout(timer);
          resolve();
        },
        reject: (error) => {
          clearTimeout(timer);
          reject(error);
        },
      });
      send({ type: 'bookmark-request', request, name });
    });
  }

  /** The agent's answer; `stored` is what is durable by now. */
  answered(message: BookmarkDone, stored: StreamPosition): void {
    const pending = this.#pending.get(message.request);
    if (pending === undefined) return;
    if (message.error !== '') {
      this.#pending.delete(message.request);
      pending.reject(new RetraceError('CHECK_FAILED', `the agent: ${message.error}`));
      return;
    }
    pending.position = { epoch: message.epoch, n: message.n };
    this.stored(stored);
  }

  /** Everything up to `position` is durable. */
  stored(position: StreamPosition): void {
    for (const [request, pending] of this.#pending) {
      if (pending.position === undefined || comparePositions(pending.position, position) > 0) {
        continue;
      }
      this.#pending.delete(request);
      pending.resolve();
    }
  }

  /** The session is over. */
  end(): void {
    for (const pending of this.#pending.values()) {
      pending.reject(new RetraceError('AGENT_AWAY', 'the agent disconnected meanwhile'));
    }
    this.#pending.clear();
  }
}
