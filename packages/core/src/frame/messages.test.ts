import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RetraceError } from '../errors/retrace-error.js';
import { type AgentMessage, decodeAgentMessage } from './agent-messages.js';
import { encodeControl } from './control-frame.js';
import { decodeServerMessage, type ServerMessage } from './server-messages.js';

const UUID = '0f7c3e0a-94a5-4f0e-8c8e-6a9de7a3b001';

const AGENT_MESSAGES: readonly AgentMessage[] = [
  {
    type: 'hello',
    protocolMin: 1,
    protocolMax: 1,
    software: 'retrace 0.1.0',
    group: { define: 'group', uuid: UUID, name: 'web-01' },
    sessionId: 'ab12',
    instanceId: 'cd34',
    epoch: 4,
    volumes: [
      {
        define: 'volume',
        uuid: UUID,
        machine: 'web-01',
        name: 'root',
        sizeBytes: 2 ** 40,
        blockBytes: 4096,
      },
    ],
    acknowledged: { epoch: 3, n: 99 },
    takeOver: false,
  },
  { type: 'watermark', timeUs: 1_795_416_779_758_247, epoch: 4, n: 12 },
  {
    type: 'report',
    volumes: [
      {
        name: 'root',
        state: 'protected',
        reason: '',
        durability: 'flush',
        durabilityInForce: 'async',
        copiedBytes: 0,
        copyTotalBytes: 0,
      },
    ],
    queuedBytes: 5,
    queuedRecords: 1,
  },
  { type: 'bookmark-done', request: 3, timeUs: 8, epoch: 4, n: 13, error: '' },
  { type: 'goodbye', reason: 'clean stop' },
];

const SERVER_MESSAGES: readonly ServerMessage[] = [
  {
    type: 'welcome',
    protocol: 1,
    serverUuid: UUID,
    stored: { epoch: 3, n: 99 },
    lastTimeUs: 5,
    creditBytes: 1 << 24,
    acknowledgedLoss: true,
  },
  { type: 'ack', epoch: 4, n: 12, releasedBytes: 4096 },
  { type: 'bookmark-request', request: 3, name: 'before-upgrade' },
  { type: 'error', code: 'RECORD_HOLE', message: 'record 5 came where 4 was due', epoch: 0 },
];

const expectNamed = (run: () => unknown): void => {
  try {
    run();
  } catch (error) {
    expect(error).toBeInstanceOf(RetraceError);
    expect((error as RetraceError).code).toMatch(/^(FRAME|NAME)_/);
  }
};

describe('control messages', () => {
  it.each(AGENT_MESSAGES)('an agent message $type comes back', (message) => {
    expect(decodeAgentMessage(encodeControl(message))).toEqual(message);
  });

  it.each(SERVER_MESSAGES)('a server message $type comes back', (message) => {
    expect(decodeServerMessage(encodeControl(message))).toEqual(message);
  });

  it('names the field that is wrong', () => {
    const hello = { ...AGENT_MESSAGES[0], epoch: -1 };
    expect(() => decodeAgentMessage(encodeControl(hello))).toThrow(/"epoch" must be/);
    const unnamed = { ...AGENT_MESSAGES[0], group: { uuid: UUID, name: 'Not A Name' } };
    expect(() => decodeAgentMessage(encodeControl(unnamed))).toThrow(/group name/);
  });

  it('takes a message with fields of a later version', () => {
    const later = { ...SERVER_MESSAGES[1], colour: 'blue' };
    expect(decodeServerMessage(encodeControl(later))).toEqual(SERVER_MESSAGES[1]);
  });

  it('answers random changes with a named error, or not at all', () => {
    const samples = [...AGENT_MESSAGES, ...SERVER_MESSAGES].map((message) =>
      encodeControl(message),
    );
    fc.assert(
      fc.property(
        fc.constantFrom(...samples),
        fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 5 }),
        (sample, changes) => {
          const bytes = Buffer.from(sample);
          for (const [at, value] of changes) bytes[at % bytes.length] = value;
          expectNamed(() => decodeAgentMessage(bytes));
          expectNamed(() => decodeServerMessage(bytes));
        },
      ),
      { numRuns: 1000 },
    );
  });
});
