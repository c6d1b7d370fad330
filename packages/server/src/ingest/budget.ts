/** A connection as the budget sees it. */
export interface BudgetMember {
  /** Stop reading from the network. */
  pause(): void;
  resume(): void;
}

/**
 * Bytes received from all agents and not stored yet. Beyond the limit, connections are read one at
 * a time, each until one whole message of it has come: so memory is bounded whatever the number of
 * agents, and there is always one that gets on.
 */
export class IngestBudget {
  readonly #bytesMax: number;
  readonly #waiting = new Set<BudgetMember>();
  /** The one that is read although the limit is reached. */
  #favoured: BudgetMember | undefined;
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Connections that are not read for now. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** The member holds so many bytes more; it is paused when that is too much. */
  take(member: BudgetMember, bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes <= this.#bytesMax || this.#favoured === member) return;
    if (this.#favoured === undefined) {
      this.#favoured = member;
    } else if (!this.#waiting.has(member)) {
      this.#waiting.add(member);
      member.pause();
    }
  }

  give(bytes: number): void {
    this.#bytes -= bytes;
    if (this.#bytes > this.#bytesMax) return;
    this.#favoured = undefined;
    if (this.#waiting.size === 0) return;
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const member of waiting) member.resume();
  }

  /** One whole message of the member has come: it is another one's turn. */
  turnDone(member: BudgetMember): void {
    if (this.#favoured !== member) return;
    const [next] = this.#waiting;
    this.#favoured = next;
    if (next === undefined) return;
    this.#waiting.delete(next);
    next.resume();
  }

  /** The member is gone, its bytes given back. */
  leave(member: BudgetMember): void {
    this.#waiting.delete(member);
    this.turnDone(member);
  }
}
