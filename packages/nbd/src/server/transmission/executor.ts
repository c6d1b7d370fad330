import { asNbdError, NbdError } from '../../errors.js';
import type { NbdExport, NbdExtent } from '../../export/export.js';
import { COMMAND_NAMES, Command, CommandFlag } from '../../protocol/constants.js';
import type { ServerContext } from '../context.js';
import { encodeExtents } from './extent-encoder.js';
import type { ReplyWriter } from './reply-writer.js';
import type { Request } from './request.js';

/** Id of base:allocation on every connection. */
export const ALLOCATION_CONTEXT_ID = 1;

/**
 * Calls the export and answers. A request that is answered synchronously creates no promise; its
 * reply waits in the writer until the whole chunk is taken apart.
 */
export class Executor {
  readonly #handle: NbdExport;
  readonly #replies: ReplyWriter;
  readonly #context: ServerContext;
  readonly #connectionId: number;
  readonly #settled: () => void;
  #executing = 0;

  /** @param settled called when a request that was not answered synchronously has been. */
  constructor(
    handle: NbdExport,
    replies: ReplyWriter,
    context: ServerContext,
    connectionId: number,
    settled: () => void,
  ) {
    this.#handle = handle;
    this.#replies = replies;
    this.#context = context;
    this.#connectionId = connectionId;
    this.#settled = settled;
  }

  /** Requests that the export has not answered yet. */
  get executing(): number {
    return this.#executing;
  }

  /** Executes or refuses a request; `data` is a WRITE's payload. */
  execute(request: Request, data: Buffer | undefined): void {
    const { command, refusal } = request;
    const { stats } = this.#context;
    if (command < stats.requests.length) stats.requests[command] = stats.requests[command]! + 1;
    if (refusal !== undefined) {
      stats.errorsTotal += 1;
      this.#replies.error(request, refusal);
    } else if (command === Command.READ) {
      this.#read(request);
    } else if (command === Command.BLOCK_STATUS) {
      this.#blockStatus(request);
    } else {
      this.#change(request, data);
    }
    if (this.#replies.full) this.#replies.flush();
  }

  #change(request: Request, data: Buffer | undefined): void {
    let pending: Promise<void> | undefined;
    try {
      pending = this.#call(request, data);
    } catch (error) {
      this.#answerError(request, error);
      return;
    }
    if (pending === undefined) this.#answerDone(request);
    else this.#await(pending, request.copy(), (kept) => this.#answerDone(kept));
  }

  #call(request: Request, data: Buffer | undefined): Promise<void> | undefined {
    const handle = this.#handle;
    const { offset, length, flags } = request;
    const fua = (flags & CommandFlag.FUA) !== 0;
    switch (request.command) {
      case Command.WRITE:
        return handle.write(offset, data as Buffer, fua);
      case Command.FLUSH:
        return handle.flush();
      case Command.TRIM:
        return handle.trim(offset, length, fua);
      case Command.CACHE:
        return handle.cache?.(offset, length);
      default:
        return handle.writeZeroes(offset, length, {
          fua,
          noHole: (flags & CommandFlag.NO_HOLE) !== 0,
          fastOnly: (flags & CommandFlag.FAST_ZERO) !== 0,
        });
    }
  }

  #read(request: Request): void {
    const { length } = request;
    const slot = this.#replies.readSlot(length);
    let pending: Promise<void> | undefined;
    try {
      pending = this.#handle.read(request.offset, slot.target);
    } catch (error) {
      this.#answerError(request, error);
      return;
    }
    if (pending === undefined) {
      this.#context.stats.bytesReadTotal += length;
      this.#replies.data(request, slot);
      return;
    }
    this.#await(pending, request.copy(), (kept) => {
      this.#context.stats.bytesReadTotal += length;
      this.#replies.data(kept, slot);
    });
  }

  #blockStatus(request: Request): void {
    const handle = this.#handle;
    const one = (request.flags & CommandFlag.REQ_ONE) !== 0;
    const countMax = one ? 1 : this.#context.limits.extentsPerReplyMax;
    const answer = (kept: Request, extents: readonly NbdExtent[]): void => {
      const payload = encodeExtents(ALLOCATION_CONTEXT_ID, extents, kept.length, countMax);
      this.#replies.extents(kept, payload);
    };
    try {
      const extents = handle.extents?.(request.offset, request.length, countMax) ?? [];
      if ('then' in extents) this.#await(extents, request.copy(), answer);
      else answer(request, extents);
    } catch (error) {
      this.#answerError(request, error);
    }
  }

  #await<Value>(
    pending: Promise<Value>,
    request: Request,
    answer: (request: Request, value: Value) => void,
  ): void {
    this.#executing += 1;
    pending.then(
      (value) => {
        this.#executing -= 1;
        try {
          answer(request, value);
        } catch (error) {
          this.#answerError(request, error);
        }
        this.#replies.flushSoon();
        this.#settled();
      },
      (error: unknown) => {
        this.#executing -= 1;
        this.#answerError(request, error);
        this.#replies.flushSoon();
        this.#settled();
      },
    );
  }

  #answerDone(request: Request): void {
    if (request.command === Command.WRITE) this.#context.stats.bytesWrittenTotal += request.length;
    this.#replies.done(request);
  }

  #answerError(request: Request, error: unknown): void {
    const { stats, emit } = this.#context;
    const known = asNbdError(error);
    if (known.code === 'NBD_INTERNAL' || known.code === 'NBD_BAD_EXPORT') {
      const operation = COMMAND_NAMES[request.command] ?? 'unknown';
      const reported = error instanceof NbdError ? (error.cause ?? error) : error;
      const connection = this.#connectionId;
      emit({ kind: 'backend-failed', connection, operation, error: reported });
    }
    stats.errorsTotal += 1;
    this.#replies.error(request, known);
  }
}
