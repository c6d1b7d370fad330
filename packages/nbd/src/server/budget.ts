/** Told when a {@link Budget} may have room again. */
export interface BudgetWaiter {
  /** Asks again for what was refused. Called from the event loop only. */
  budgetFreed(): void;
}

/**
 * Requests and bytes in flight over all connections of a server. Whoever is refused queues, and
 * nobody passes the head of the queue: a large request is not starved by small ones.
 */
export class Budget {
  readonly #requestsMax: number;
  readonly #bytesMax: number;
  /** In the order of asking. */
  #queue = new Set<BudgetWaiter>();
  /** The waiter whose turn it is to ask again. */
  #called: BudgetWaiter | undefined;
  #requests = 0;
  #bytes = 0;
  #wakeScheduled = false;

  constructor(requestsMax: number, bytesMax: number) {
    this.#requestsMax = requestsMax;
    this.#bytesMax = bytesMax;
  }

  get requests(): number {
    return this.#requests;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Takes the cost of a request when there is room; otherwise the waiter is called later. */
  tryTake(bytes: number, waiter: BudgetWaiter): boolean {
    const myTurn = this.#queue.size === 0 || this.#called === waiter;
    if (myTurn && this.#fits(bytes)) {
      this.take(bytes);
      return true;
    }
    this.#queue.add(waiter);
    return false;
  }

  /** Takes the cost of a request, room or not. */
  take(bytes: number): void {
    this.#requests += 1;
    this.#bytes += bytes;
  }

  /** Gives back what `requests` requests took. */
  give(requests: number, bytes: number): void {
    this.#requests -= requests;
    this.#bytes -= bytes;
    this.#wakeSoon();
  }

  /** The waiter is gone. */
  forget(waiter: BudgetWaiter): void {
    this.#queue.delete(waiter);
    this.#wakeSoon();
  }

  /** A request larger than everything fits when nothing else is there. */
  #fits(bytes: number): boolean {
    if (this.#requests === 0) return true;
    return this.#requests < this.#requestsMax && this.#bytes + bytes <= this.#bytesMax;
  }

  #wakeSoon(): void {
    if (this.#queue.size === 0 || this.#wakeScheduled) return;
    this.#wakeScheduled = true;
    setImmediate(() => this.#wake());
  }

  #wake(): void {
    this.#wakeScheduled = false;
    for (const head of [...this.#queue]) {
      this.#queue.delete(head);
      this.#called = head;
      head.budgetFreed();
      this.#called = undefined;
      if (this.#queue.has(head)) {
        // Refused again: it stays the first.
        this.#queue.delete(head);
        this.#queue = new Set([head, ...this.#queue]);
        return;
      }
    }
  }
}
