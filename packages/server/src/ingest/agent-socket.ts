import { type ErrorCode, encodeControl, type ServerMessage } from '@retrace/core';
import { WebSocket } from 'ws';

/** Close codes that `ws` itself chooses for input it cannot take (RFC 6455, 7.4.1). */
const FAULTS: ReadonlyMap<number, { readonly code: ErrorCode; readonly message: string }> = new Map(
  [
    [1002, { code: 'FRAME_INVALID', message: 'not a WebSocket frame' }],
    [1007, { code: 'FRAME_INVALID', message: 'not valid UTF-8' }],
    [1008, { code: 'FRAME_TOO_LARGE', message: 'a message in too many pieces' }],
    [1009, { code: 'FRAME_TOO_LARGE', message: 'a message over the size limit' }],
  ],
);

/** Policy violation: the close code behind every named error. */
const CLOSE_REFUSED = 1008;
const CLOSE_DONE = 1000;

/**
 * The server's end of an agent's WebSocket. `ws` closes a connection by itself when it cannot read
 * a frame; this says why first, in the protocol's own words.
 */
export class AgentSocket extends WebSocket {
  #said = false;

  /** Tells the peer why and closes. The first reason counts. */
  refuse(code: ErrorCode, message: string, epoch = 0): void {
    this.#say(code, message, epoch);
    super.close(CLOSE_REFUSED, code);
  }

  /** Closes with nothing to complain of. */
  finish(): void {
    this.#said = true;
    super.close(CLOSE_DONE);
  }

  /** Sends a control message; does nothing once the connection is closing. */
  sendMessage(message: ServerMessage): void {
    if (this.readyState === WebSocket.OPEN) this.send(encodeControl(message));
  }

  override close(code?: number, reason?: string | Buffer): void {
    // With a reason it is the echo of the peer's own close frame.
    const fault = code === undefined || reason !== undefined ? undefined : FAULTS.get(code);
    if (fault !== undefined) this.#say(fault.code, fault.message, 0);
    super.close(code, reason);
  }

  #say(code: ErrorCode, message: string, epoch: number): void {
    if (this.#said) return;
    this.#said = true;
    this.sendMessage({ type: 'error', code, message: message.slice(0, 1024), epoch });
  }
}
