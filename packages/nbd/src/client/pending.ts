import type { NbdError } from '../errors.js';
import type { NbdExtent } from '../export/export.js';

/** A request that the server has not finished answering. */
export interface Pending {
  readonly operation: string;
  readonly offset: number;
  /** Where a READ's data goes. */
  readonly target: Buffer | undefined;
  /** Bytes of it that have come. */
  received: number;
  extents: NbdExtent[] | undefined;
  /** The first error of its chunks. */
  error: NbdError | undefined;
  readonly resolve: (pending: Pending) => void;
  readonly reject: (error: NbdError) => void;
}
