/** What an export is and can do. Must not change while the handle lives. */
export interface NbdExportInfo {
  /** Canonical name, told to clients that ask for it: may differ from the one they gave. */
  readonly name: string;
  /** For people; at most 4096 bytes of UTF-8 go over the wire. */
  readonly description?: string;
  /** Size, a safe integer >= 0. */
  readonly sizeBytes: number;
  readonly readOnly: boolean;
  /** Several connections see one another's writes, and a flush on one covers all. */
  readonly canMultiConn: boolean;
  /** Smallest block: a power of two, 1 (the default) to 64 KiB. What is not aligned gets EINVAL. */
  readonly minBlockBytes?: number;
  /** Block the backend likes best: a power of two, at least 512. Default 4096. */
  readonly preferredBlockBytes?: number;
  /** Largest READ or WRITE, at most the server's limit, which is the default. */
  readonly maxPayloadBytes?: number;
  readonly supports: NbdExportSupport;
}

/** What is offered to clients; what is not is refused with EINVAL. */
export interface NbdExportSupport {
  readonly flush: boolean;
  readonly fua: boolean;
  readonly trim: boolean;
  readonly writeZeroes: boolean;
  readonly cache: boolean;
  /** WRITE_ZEROES with `fastOnly` fails fast (ENOTSUP) where it would be no faster than writing. */
  readonly fastZero?: boolean;
  /** The medium turns: clients may sort their requests. */
  readonly rotational?: boolean;
}

/** A run of bytes of one kind. */
export interface NbdExtent {
  /** Bytes, from 1 on. */
  readonly length: number;
  /** Nothing is allocated there. */
  readonly hole: boolean;
  /** It reads as zeros. */
  readonly zero: boolean;
}

/** How zeros are to be written. */
export interface NbdWriteZeroesOptions {
  /** Answer only when they are on stable storage. */
  readonly fua: boolean;
  /** Space is to stay, or be, allocated. */
  readonly noHole: boolean;
  /** Fail at once with ENOTSUP rather than be as slow as a write. */
  readonly fastOnly: boolean;
}

/** What an operation gives back: undefined when it is done, a promise when it will be. */
export type NbdPending = undefined | Promise<void>;

/**
 * One connection's handle on an export. Offsets and lengths were checked by the server: they are
 * safe integers, lengths are 1 or more, ranges lie within the export and are aligned to its
 * smallest block (a range that ends with the export may end anywhere).
 *
 * Many operations may be under way at once, and they may end in any order. Answering
 * synchronously is the fast way: it costs no promise. To fail, throw or reject with an NbdError;
 * any other error becomes EIO and is reported as an event.
 */
export interface NbdExport {
  readonly info: NbdExportInfo;
  /** Fills all of `target`, which must not be touched once the read is done. */
  read(offset: number, target: Buffer): NbdPending;
  /**
   * Where the data of a write is gathered that came in several pieces: `length` bytes, to be handed
   * to `write` once they are filled, or forgotten when the client is gone before. Without this
   * method each is a fresh buffer.
   */
  allocate?(length: number): Buffer;
  /**
   * `data` is the callee's from now on. It may be a slice of a larger network chunk (up to
   * 64 KiB), which lives as long as the slice: copy what is to be kept for long.
   */
  write(offset: number, data: Buffer, fua: boolean): NbdPending;
  /** Makes every write answered before this call durable. */
  flush(): NbdPending;
  /** `length` may be larger than the largest payload. */
  trim(offset: number, length: number, fua: boolean): NbdPending;
  /** `length` may be larger than the largest payload. */
  writeZeroes(offset: number, length: number, options: NbdWriteZeroesOptions): NbdPending;
  /** Brings a range into memory. Needed only with `supports.cache`. */
  cache?(offset: number, length: number): NbdPending;
  /**
   * Extents from `offset` on, without gaps; at least one; may end before or after the range.
   * `countMax` is the most that will be sent (1 when the client wants one only). With this method
   * the export offers `base:allocation`.
   */
  extents?(
    offset: number,
    length: number,
    countMax: number,
  ): readonly NbdExtent[] | Promise<readonly NbdExtent[]>;
  /** Called exactly once, when the connection is gone and nothing of it is in flight any more. */
  close(): void | Promise<void>;
}

/** A connection as backends see it. */
export interface NbdConnection {
  /** Dense number within the server, from 1. */
  readonly id: number;
  /** `host:port`, `unix`, or what the caller of `serve` said. For logs. */
  readonly remote: string;
  /** Aborts as soon as the peer is gone, even with requests in flight. */
  readonly closed: AbortSignal;
}

/** One line of the answer to LIST. */
export interface NbdExportListing {
  readonly name: string;
  readonly description?: string;
}

/** Where a server gets its exports from. */
export interface NbdExportProvider {
  /** All exports that may be told to anybody. */
  list(): Promise<readonly NbdExportListing[]>;
  /**
   * Opens an export. With `info` it must have no side effects (no writer lease, say): the handle
   * is closed at once. With `go` the connection is going to use it.
   *
   * Throw NbdError to refuse; its text goes to the client as `CODE: message`.
   */
  open(name: string, connection: NbdConnection, purpose: 'info' | 'go'): Promise<NbdExport>;
}
