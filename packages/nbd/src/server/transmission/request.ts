import type { NbdError } from '../../errors.js';

/**
 * One request. A connection has a single one of these for whatever it is taking apart, filled
 * anew each time; what outlives the call that brought it is a {@link Request.copy}.
 */
export class Request {
  command = 0;
  flags = 0;
  /** The cookie's halves, signed: such integers need no allocation. */
  cookieHigh = 0;
  cookieLow = 0;
  offset = 0;
  length = 0;
  /** What it counts for while in flight, in bytes. */
  cost = 0;
  /** Why it will not be executed. */
  refusal: NbdError | undefined = undefined;

  /** The same, to keep. */
  copy(): Request {
    const copy = new Request();
    copy.command = this.command;
    copy.flags = this.flags;
    copy.cookieHigh = this.cookieHigh;
    copy.cookieLow = this.cookieLow;
    copy.offset = this.offset;
    copy.length = this.length;
    copy.cost = this.cost;
    return copy;
  }
}
