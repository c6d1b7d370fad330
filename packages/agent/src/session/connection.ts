import {
  type AgentReport,
  type BookmarkDone,
  type BookmarkRequest,
  decodeServerMessage,
  encodeControl,
  type Hello,
  LIMITS,
  RetraceError,
  type SessionError,
  type StreamPosition,
  toRetraceError,
  type Welcome,
} from '@retrace/core';
import { type RawData, WebSocket } from 'ws';
import type { AgentLimits } from '../limits.js';
import type { RecordStream } from '../stream/record-stream.js';
import type { Cancel, Scheduler } from '../system/scheduler.js';
import { FrameSender } from './frame-sender.js';
import { Heartbeat } from './heartbeat.js';
import { Watermarks } from './watermarks.js';

/** Bytes of a control message beside its map. */
const CONTROL_SLACK_BYTES = 64;

/** Who decides what a session's messages mean. */
export interface ConnectionHost {
  /** False ends the connection: what follows was decided elsewhere. */
  welcomed(welcome: Welcome): boolean;
  /** The session has begun: records are being sent. */
  begun(): void;
  /** False: that position was never sent. */
  acknowledged(position: StreamPosition): boolean;
  bookmark(request: BookmarkRequest): BookmarkDone;
  report(): AgentReport;
  /** The connection is over, exactly once. `error` is what the server said last, if it did. */
  ended(why: string, error: SessionError | undefined): void;
}

export interface ConnectionOptions {
  readonly url: string;
  readonly token: string | undefined;
  readonly hello: Hello;
  readonly stream: RecordStream;
  readonly limits: AgentLimits;
  readonly scheduler: Scheduler;
  readonly host: ConnectionHost;
}

/** One WebSocket to the journal server: hello, welcome, then records one way and acks the other. */
export class Connection {
  readonly #options: ConnectionOptions;
  readonly #socket: WebSocket;
  readonly #heartbeat: Heartbeat;
  #welcomeTimer: Cancel | undefined;
  #reportTimer: Cancel | undefined;
  #reportDue = false;
  #sender: FrameSender | undefined;
  #watermarks: Watermarks | undefined;
  #ended = false;

  constructor(options: ConnectionOptions) {
    this.#options = options;
    const { limits, scheduler, token } = options;
    this.#socket = new WebSocket(options.url, {
      perMessageDeflate: false,
      maxPayload: LIMITS.controlBytesMax + CONTROL_SLACK_BYTES,
      handshakeTimeout: limits.connectTimeoutMs,
      skipUTF8Validation: true,
      followRedirects: false,
      // A zero mask is a valid one, and saves masking every byte (the link is TLS's to protect).
      generateMask: (mask) => mask.fill(0),
      headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
    });
    this.#heartbeat = new Heartbeat(limits, scheduler, {
      ping: () => this.#socket.ping(),
      dead: (why) => this.end(why),
    });
    this.#listen();
  }

  /** True between welcome and end. */
  get live(): boolean {
    return this.#sender !== undefined && !this.#ended;
  }

  /** A record was queued. */
  queued(): void {
    this.#sender?.queued();
  }

  /** An answer waits for the journal. */
  urgent(): void {
    this.#sender?.urgent();
  }

  /** Everything queued is acknowledged. */
  drained(): void {
    this.#watermarks?.drained();
  }

  /** Something that reports tell has changed. */
  reportSoon(): void {
    if (!this.live || this.#reportDue) return;
    this.#reportDue = true;
    this.#options.scheduler.soon(() => {
      if (this.#reportDue) this.#report();
    });
  }

  /** Says goodbye and ends. */
  goodbye(reason: string): void {
    if (this.live) this.#sendControl({ type: 'goodbye', reason });
    this.end(reason, undefined, false);
  }

  /** Ends the connection, for this reason. */
  end(why: string, error?: SessionError, abruptly = true): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#sender?.stop();
    this.#watermarks?.stop();
    this.#heartbeat.stop();
    this.#welcomeTimer?.();
    this.#reportTimer?.();
    if (abruptly) this.#socket.terminate();
    else this.#socket.close();
    this.#options.host.ended(why, error);
  }

  #listen(): void {
    const socket = this.#socket;
    const { limits, scheduler, hello } = this.#options;
    socket.on('open', () => {
      this.#sendControl(hello);
      this.#heartbeat.start();
      this.#welcomeTimer = scheduler.after(limits.connectTimeoutMs, () =>
        this.end('the server does not answer the hello'),
      );
    });
    socket.on('message', (data: RawData, isBinary: boolean) => this.#receive(data, isBinary));
    socket.on('pong', () => this.#heartbeat.heard());
    socket.on('ping', () => this.#heartbeat.heard());
    socket.on('unexpected-response', (_request, response) => {
      response.resume();
      this.end(refusalOf(response.statusCode ?? 0));
    });
    socket.on('error', (error) => this.end(error.message));
    socket.on('close', (code) => this.end(`the server closed the connection (${code})`));
  }

  #receive(data: RawData, isBinary: boolean): void {
    if (this.#ended) return;
    this.#heartbeat.heard();
    try {
      if (!isBinary || !Buffer.isBuffer(data)) {
        throw new RetraceError('FRAME_INVALID', 'the server sent text');
      }
      this.#handle(data);
    } catch (error) {
      const { code, message } = toRetraceError(error);
      this.end(`${code}: ${message}`);
    }
  }

  #handle(data: Buffer): void {
    const { host } = this.#options;
    const message = decodeServerMessage(data);
    if (message.type === 'error') {
      this.end(`${message.code}: ${message.message}`, message);
    } else if (message.type === 'welcome') {
      this.#welcome(message);
    } else if (this.#sender === undefined) {
      throw new RetraceError('FRAME_INVALID', `${message.type} before the welcome`);
    } else if (message.type === 'bookmark-request') {
      const done = host.bookmark(message);
      this.#sender.flush();
      this.#sendControl(done);
    } else if (!host.acknowledged({ epoch: message.epoch, n: message.n })) {
      const text = `record ${message.n} of epoch ${message.epoch} was acknowledged, but never sent`;
      throw new RetraceError('FRAME_INVALID', text);
    } else {
      this.#sender.released(message.releasedBytes);
    }
  }

  #welcome(welcome: Welcome): void {
    if (this.#sender !== undefined) throw new RetraceError('FRAME_INVALID', 'a second welcome');
    this.#welcomeTimer?.();
    const { host, stream, limits, scheduler } = this.#options;
    if (!host.welcomed(welcome)) {
      this.end('the record stream begins anew');
      return;
    }
    const socket = this.#socket;
    const target = {
      send: (frame: Buffer, sent: () => void) =>
        socket.send(frame, { binary: true, compress: false }, sent),
      get bufferedBytes() {
        return socket.bufferedAmount;
      },
    };
    const watermarks = new Watermarks(stream, limits, scheduler, (watermark) =>
      this.#sendControl(watermark),
    );
    this.#watermarks = watermarks;
    this.#sender = new FrameSender(stream, limits, scheduler, target, welcome.creditBytes);
    this.#sender.urgent();
    watermarks.start();
    this.#report();
    host.begun();
  }

  #report(): void {
    this.#reportTimer?.();
    this.#reportDue = false;
    if (!this.live) return;
    const { host, limits, scheduler } = this.#options;
    const report = host.report();
    this.#sendControl(report);
    const copying = report.volumes.some((volume) => volume.copyTotalBytes > 0);
    const delayMs = copying ? limits.watermarkMs : limits.reportMs;
    this.#reportTimer = scheduler.after(delayMs, () => this.#report());
  }

  #sendControl(message: object): void {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(encodeControl(message));
  }
}

/** What an answer other than the upgrade means, for a person. */
const refusalOf = (status: number): string => {
  if (status === 401) return 'the server wants a token, or does not know this one (HTTP 401)';
  if (status === 403) return 'the token does not allow this machine (HTTP 403)';
  return `the server refused the connection (HTTP ${status})`;
};
