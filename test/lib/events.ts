/** A line of JSON that a program printed on stdout. */
export type JsonEvent = Readonly<Record<string, unknown>>;

const LINE_BYTES_MAX = 1 << 20;

/** Splits stdout into lines, keeps those that are JSON objects, and wakes whoever waits for one. */
export class EventLines {
  readonly #events: JsonEvent[] = [];
  readonly #listeners = new Set<() => void>();
  #rest = '';

  /** All events so far, in order. */
  get events(): readonly JsonEvent[] {
    return this.#events;
  }

  append(chunk: Buffer): void {
    const lines = (this.#rest + chunk.toString('utf8')).split('\n');
    this.#rest = lines.pop() ?? '';
    // What has no end is no event line (`retrace export ... -` writes an image).
    if (this.#rest.length > LINE_BYTES_MAX) this.#rest = '';
    const before = this.#events.length;
    for (const line of lines) {
      const event = parseEvent(line);
      if (event !== undefined) this.#events.push(event);
    }
    if (this.#events.length > before) for (const listener of this.#listeners) listener();
  }

  /** Calls back after each arrival; returns what ends that. */
  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }
}

function parseEvent(line: string): JsonEvent | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    return JSON.parse(line) as JsonEvent;
  } catch {
    return undefined;
  }
}
