/** A connection as the budget sees it. */
export interface BudgetMember {
  /** Bytes of a message that has begun to arrive and is not whole yet. */
  readonly partialBytes: number;
  /** Stop reading from the network. */
  pause(): void;
  resume(): void;
}

/**
 * Bytes received from all agents and not stored yet. Beyond the limit connections are not read
 * until enough is stored, so memory is bounded whatever the number of agents. Where nothing is on
 * its way to be stored (halves of messages fill the limit), connections are read one at a time,
 * each until its message is whole: so there is always one that gets on.
 */
export class IngestBudget {
  readonly #bytesMax: number;
  readonly #waiting = new Set<BudgetMember>();
  /** The one that is read although the limit is reached. */
  #favoured: BudgetMember | undefined;
  #partialBytes = 0;
  #heldBytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get bytes(): number {
    return this.#partialBytes + this.#heldBytes;
  }

  /** Connections that are not read for now. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** True while others wait for this one to finish its message. */
  hurries(member: BudgetMember): boolean {
    return this.#favoured === member && this.#waiting.size > 0;
  }

  /** So many bytes of a message have come; the member is paused when that is too much. */
  arrived(member: BudgetMember, bytes: number): void {
    this.#partialBytes += bytes;
    const over = this.bytes > this.#bytesMax;
    if (over && member !== this.#favoured && !this.#waiting.has(member)) {
      this.#waiting.add(member);
      member.pause();
    }
    this.#next();
  }

  /**
   * A message of the member is whole: `bytes` of it were `arrived`, `heldBytes` stay until they are
   * stored (none for a message that is not).
   */
  whole(member: BudgetMember, bytes: number, heldBytes: number): void {
    this.#partialBytes -= bytes;
    this.#heldBytes += heldBytes;
    if (this.#favoured === member) this.#favoured = undefined;
    // With nothing begun it keeps nobody waiting.
    if (member.partialBytes === 0 && this.#waiting.delete(member)) member.resume();
    this.#next();
  }

  /** Held bytes are stored, or given up. */
  stored(heldBytes: number): void {
    this.#heldBytes -= heldBytes;
    this.#next();
  }

  /** The member is gone, with what had come of a message. */
  leave(member: BudgetMember, partialBytes: number): void {
    this.#partialBytes -= partialBytes;
    this.#waiting.delete(member);
    if (this.#favoured === member) this.#favoured = undefined;
    this.#next();
  }

  #next(): void {
    if (this.bytes <= this.#bytesMax) {
      this.#favoured = undefined;
      if (this.#waiting.size === 0) return;
      const waiting = [...this.#waiting];
      this.#waiting.clear();
      for (const member of waiting) member.resume();
    } else if (this.#favoured === undefined && this.#heldBytes === 0) {
      const [next] = this.#waiting;
      if (next === undefined) return;
      this.#favoured = next;
      this.#waiting.delete(next);
      next.resume();
    }
  }
}
