import { readFileSync } from 'node:fs';
import {
  type ByteOffset,
  blockChecksums,
  type Epoch,
  encodeMark,
  type GroupId,
  type Lsn,
  RECORD_KIND,
  type RecordNumber,
  type Seq,
  type TimeUs,
  type VolumeId,
} from '@retrace/core';
import { describe, expect, it } from 'vitest';
import {
  changeKey,
  decodeChange,
  decodeEnd,
  decodeVersion,
  digestOf,
  encodeChange,
  encodeEnd,
  encodeVersion,
  endKey,
  parseCatalogKey,
  versionKey,
} from '../catalog/catalog-codec.js';
import { emptyState, setCurrent } from '../catalog/catalog-state.js';
import { sealedCrc } from '../catalog/sealed-map.js';
import { decodeSnapshot, encodeSnapshot } from '../catalog/snapshot-codec.js';
import { decodeChunk } from '../log/chunk-decoder.js';
import { encodeChunk } from '../log/chunk-encoder.js';
import { planChunks } from '../log/chunk-plan.js';
import { entryKey, parseEntryKey } from '../log/entry-key.js';
import { LOG_LIMITS } from '../log/limits.js';
import type { CommitInfo, LogInput } from '../log/log-record.js';
import { firstDamagedByte } from '../log/payload-check.js';
import { decodePayloadHeader, encodePayloadHeader } from '../log/payload-header.js';
import { SERVER_UUID } from '../log/testing/log-fixture.js';
import { decodeFormatFile, encodeFormatFile } from '../storage/format-file.js';

/** The bytes of the hex blocks of a page, in order. */
const hexExamples = (page: string): Buffer[] => {
  const url = new URL(`../../../../docs/formats/${page}`, import.meta.url);
  const blocks = readFileSync(url, 'utf8').matchAll(/```hex\n([^`]+)```/g);
  return [...blocks].map(([, text]) => {
    const lines = text!.trim().split('\n');
    return Buffer.from(lines.map((line) => line.slice(6).replaceAll(' ', '')).join(''), 'hex');
  });
};

const COMMIT: CommitInfo = {
  commit: 9,
  segment: 4,
  firstLsn: 100 as Lsn,
  count: 2,
  arrivalUs: 1_795_344_067_251_000 as TimeUs,
  provenLsn: 99 as Lsn,
  watermarks: [{ groupId: 1 as GroupId, timeUs: 1_795_344_067_250_900 as TimeUs, seq: 52 as Seq }],
};

const exampleInputs = (): LogInput[] => {
  const base = { groupId: 1 as GroupId, epoch: 3 as Epoch, flags: 0 };
  const timeUs = 1_795_344_067_250_000 as TimeUs;
  const payload = Buffer.alloc(512, ' ');
  payload.write('hello, journal');
  const body = encodeMark({ mark: 'clean-stop' });
  return [
    {
      ...base,
      ...{ volumeId: 2 as VolumeId, n: 41 as RecordNumber, seq: 51 as Seq },
      ...{ kind: RECORD_KIND.write, flags: 1, timeUs, agentTimeUs: timeUs },
      ...{ offset: 8192 as ByteOffset, length: 512 },
      checksums: blockChecksums(payload, 512),
      payload,
    },
    {
      ...base,
      ...{ volumeId: 0 as VolumeId, n: 42 as RecordNumber, seq: 52 as Seq },
      ...{ kind: RECORD_KIND.mark, timeUs, agentTimeUs: timeUs },
      ...{ offset: 0 as ByteOffset, length: body.length },
      checksums: blockChecksums(body, body.length),
      payload: body,
    },
  ];
};

const exampleChunk = () => {
  const inputs = exampleInputs();
  const context = { commit: COMMIT, chunkIndex: 0, chunkCount: 1, firstLsn: 100 };
  const [plan] = planChunks(inputs, LOG_LIMITS);
  return encodeChunk({ ...context, catalogChange: 12, blockPosition: 64 }, inputs, plan!);
};

describe('docs/formats', () => {
  it('commit-entry.md: the key and the chunk decode as they say', () => {
    const [key, value] = hexExamples('commit-entry.md');
    expect(key).toEqual(entryKey(100, 9));
    expect(parseEntryKey(key!)).toEqual({ firstLsn: 100, commit: 9 });
    expect(value?.toString('hex')).toBe(exampleChunk().entry.toString('hex'));
    const chunk = decodeChunk(value!);
    if (typeof chunk === 'string') throw new Error(chunk);
    expect(chunk.whole).toBe(true);
    expect(chunk.header).toMatchObject({ segment: 4, provenLsn: 99, catalogChange: 12 });
    expect(chunk.watermarks).toEqual(COMMIT.watermarks);
    expect(chunk.records.map(({ lsn, kind, seq }) => [lsn, kind, seq])).toEqual([
      [100, 1, 51],
      [101, 5, 52],
    ]);
    expect(chunk.records[1]!.body).toEqual(encodeMark({ mark: 'clean-stop' }));
  });

  it('payload-file.md: header, chunk and payload decode as they say', () => {
    const [file] = hexExamples('payload-file.md');
    const header = { segment: 4, firstLsn: 100, firstCommit: 9, serverUuid: SERVER_UUID };
    expect(file?.subarray(0, 64)).toEqual(encodePayloadHeader(header));
    expect(decodePayloadHeader(file!)).toEqual(header);
    const { entry, payloads } = exampleChunk();
    expect(file?.subarray(64).equals(Buffer.concat([entry, ...payloads]))).toBe(true);
    const chunk = decodeChunk(file!.subarray(64, 64 + entry.length));
    if (typeof chunk === 'string') throw new Error(chunk);
    const record = chunk.records[0]!;
    const payload = file!.subarray(record.position, record.position + record.payloadBytes);
    expect(payload.toString('latin1', 0, 14)).toBe('hello, journal');
    expect(firstDamagedByte(record, payload)).toBe(-1);
  });

  it('catalog.md: a version and its change decode as they say', () => {
    const [key, value, linkKey, link] = hexExamples('catalog.md');
    const version = { change: 2, value: { firstLsn: 100, firstCommit: 9 } };
    expect(key).toEqual(versionKey('segment', '0000000004', 1));
    expect(parseCatalogKey(key!)).toMatchObject({ kind: 'segment', version: 1 });
    expect(value).toEqual(encodeVersion(version));
    expect(decodeVersion(value!)).toEqual(version);
    const change = {
      number: 2,
      previous: 1,
      previousDigest: digestOf(Buffer.from('the bytes of change 1')),
      versions: [{ kind: 'segment', id: '0000000004', version: 1, crc: sealedCrc(value!) }],
    };
    expect(linkKey).toEqual(changeKey(2));
    expect(link).toEqual(encodeChange(change));
    expect(decodeChange(link!)).toEqual(change);
  });

  it('catalog.md: the end of a generation and a snapshot decode as they say', () => {
    const [key, value, snapshot] = hexExamples('catalog.md').slice(4);
    expect(key).toEqual(endKey(3));
    expect(parseCatalogKey(key!)).toEqual({ what: 'end', next: 3 });
    expect(value).toEqual(encodeEnd({ next: 3, change: 2 }));
    expect(decodeEnd(value!)).toEqual({ next: 3, change: 2 });
    const state = emptyState();
    const entry = { version: 1, value: { firstLsn: 100, firstCommit: 9 } };
    setCurrent(state, 'segment', '0000000004', entry);
    state.change = state.linkedChange = 2;
    state.linkedDigest = digestOf(Buffer.from('the bytes of change 2'));
    const takenUs = 1_795_344_067_250_000;
    expect(snapshot).toEqual(Buffer.concat([...encodeSnapshot(state, 3, takenUs)]));
    const { linkedDigest } = state;
    expect(decodeSnapshot(snapshot!)).toMatchObject({
      header: { generation: 3, change: 2, linkedChange: 2, linkedDigest, takenUs, entries: 1 },
      entries: [{ at: 128, kind: 'segment', id: '0000000004', ...entry }],
      ...{ losses: [], problems: [] },
    });
  });

  it('data-dir.md: the format file decodes as it says', () => {
    const [copy] = hexExamples('data-dir.md');
    const format = { version: 2, serverUuid: SERVER_UUID, createdUs: 1_795_344_067_250_000 };
    expect(copy).toEqual(encodeFormatFile(format).subarray(0, 64));
    const bytes = Buffer.concat([copy!, Buffer.alloc(448), copy!]);
    expect(decodeFormatFile(bytes)).toEqual({ format, problems: [] });
  });
});
