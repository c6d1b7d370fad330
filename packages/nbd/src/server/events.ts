import type { NbdError } from '../errors.js';

/** What a server tells its owner. `connection` is the connection's id. */
export type NbdServerEvent =
  | {
      readonly kind: 'connection-opened';
      readonly connection: number;
      readonly remote: string;
    }
  | {
      /** An export was chosen; `canonicalName` is what it calls itself. */
      readonly kind: 'export-opened';
      readonly connection: number;
      readonly remote: string;
      readonly exportName: string;
      readonly canonicalName: string;
    }
  | {
      /** INFO, GO, LIST, ... was refused; the handshake goes on. */
      readonly kind: 'option-refused';
      readonly connection: number;
      readonly option: number;
      readonly error: NbdError;
    }
  | {
      /** The connection is over. `error` says why where it was not the client's own wish. */
      readonly kind: 'connection-closed';
      readonly connection: number;
      readonly remote: string;
      readonly error?: NbdError;
    }
  | {
      /** A connection was turned away before its first byte. */
      readonly kind: 'connection-refused';
      readonly remote: string;
      readonly error: NbdError;
    }
  | {
      /** A backend threw something that is no NbdError: a defect. The client got an error. */
      readonly kind: 'backend-failed';
      readonly connection: number;
      /** `read`, `write`, ..., `open`, `list`, `close`. */
      readonly operation: string;
      readonly error: unknown;
    }
  | {
      /** The listening socket failed; connections live on. */
      readonly kind: 'listener-failed';
      readonly error: unknown;
    };

/** Receives events. What it throws is ignored: a logger must not stop a disk. */
export type NbdEventListener = (event: NbdServerEvent) => void;

/** A listener that can be called from anywhere. */
export function guardedListener(listener: NbdEventListener | undefined): NbdEventListener {
  if (listener === undefined) return () => undefined;
  return (event) => {
    try {
      listener(event);
    } catch {
      // Said above: nothing sensible is left to be done with it.
    }
  };
}
