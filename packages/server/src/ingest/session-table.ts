/**
 * States of a session between agent and server (docs/protocol.md):
 *
 * - awaiting-hello: the WebSocket is open, nothing was said;
 * - admitting: the hello is being checked, the group registered, the fence made durable;
 * - open: welcomed; records, watermarks and reports come;
 * - closing: the reason was sent, the connection is about to close; whatever comes is dropped.
 */
export const SESSION_STATES = ['awaiting-hello', 'admitting', 'open', 'closing'] as const;
export type SessionState = (typeof SESSION_STATES)[number];

/** What happens to a session. */
export const SESSION_EVENTS = [
  'hello',
  'data',
  'watermark',
  'report',
  'bookmark-done',
  'goodbye',
  'admitted',
  'hello-timeout',
  'fault',
  'closed',
] as const;
export type SessionEvent = (typeof SESSION_EVENTS)[number];

/** What is done about it. */
export type SessionAction =
  /** Begin to check the hello; next state: admitting. */
  | 'admit'
  /** Send the welcome; next state: open. */
  | 'welcome'
  /** Hand it to what the event is about; the state stays. */
  | 'take'
  /** End the session at the agent's wish; next state: closing. */
  | 'end'
  /** Not allowed now: error FRAME_INVALID; next state: closing. */
  | 'refuse'
  /** Send the error it comes with; next state: closing. */
  | 'fail'
  /** Nothing is left to do. */
  | 'drop';

const CLOSING: Record<SessionEvent, SessionAction> = {
  hello: 'drop',
  data: 'drop',
  watermark: 'drop',
  report: 'drop',
  'bookmark-done': 'drop',
  goodbye: 'drop',
  admitted: 'drop',
  'hello-timeout': 'drop',
  fault: 'drop',
  closed: 'drop',
};

const BEFORE_WELCOME: Record<SessionEvent, SessionAction> = {
  ...CLOSING,
  hello: 'refuse',
  data: 'refuse',
  watermark: 'refuse',
  report: 'refuse',
  'bookmark-done': 'refuse',
  goodbye: 'end',
  'hello-timeout': 'fail',
  fault: 'fail',
};

/** The whole machine: what each event means in each state. */
export const SESSION_TABLE: Readonly<
  Record<SessionState, Readonly<Record<SessionEvent, SessionAction>>>
> = {
  'awaiting-hello': { ...BEFORE_WELCOME, hello: 'admit' },
  admitting: { ...BEFORE_WELCOME, admitted: 'welcome' },
  open: {
    hello: 'refuse',
    data: 'take',
    watermark: 'take',
    report: 'take',
    'bookmark-done': 'take',
    goodbye: 'end',
    admitted: 'drop',
    'hello-timeout': 'drop',
    fault: 'fail',
    closed: 'drop',
  },
  closing: CLOSING,
};
