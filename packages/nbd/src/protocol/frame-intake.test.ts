import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FrameIntake, type FrameSink, HOLD, STOP } from './frame-intake.js';

/** Frames of a 4-byte header that says how long the body is. */
class Collector implements FrameSink {
  readonly bodies: string[] = [];
  holds = 0;
  targets = 0;

  header(buffer: Buffer, at: number): number {
    if (this.holds > 0) {
      this.holds -= 1;
      return HOLD;
    }
    const length = buffer.readUInt32BE(at);
    if (length === 0xffffffff) return STOP;
    if (length === 0) this.bodies.push('');
    return length;
  }

  target(length: number): Buffer {
    this.targets += 1;
    return Buffer.alloc(length);
  }

  body(data: Buffer): number {
    this.bodies.push(data.toString('latin1'));
    return 0;
  }
}

const frame = (body: string): Buffer => {
  const bytes = Buffer.alloc(4 + body.length);
  bytes.writeUInt32BE(body.length, 0);
  bytes.write(body, 4, 'latin1');
  return bytes;
};

describe('FrameIntake', () => {
  it('finds the same frames wherever the stream is cut, and however often it is held', () => {
    const cuts = fc.array(fc.nat(40), { maxLength: 30 });
    const holds = fc.array(fc.nat(3), { maxLength: 30 });
    fc.assert(
      fc.property(fc.array(fc.string({ maxLength: 20 })), cuts, holds, (texts, sizes, pauses) => {
        const bodies = texts.map((text) => Buffer.from(text, 'utf8').toString('latin1'));
        const stream = Buffer.concat(bodies.map(frame));
        const sink = new Collector();
        const intake = new FrameIntake(sink, 4);
        const resume = (): void => {
          while (intake.held) intake.resume();
        };
        let at = 0;
        sizes.forEach((size, index) => {
          sink.holds += pauses[index] ?? 0;
          intake.feed(stream.subarray(at, at + size));
          at = Math.min(at + size, stream.length);
          resume();
        });
        intake.feed(stream.subarray(at));
        resume();
        expect(sink.bodies).toEqual(bodies);
        expect(intake.midFrame).toBe(false);
      }),
    );
  });

  it('hands a body over without a copy when it lies in one chunk', () => {
    const seen: Buffer[] = [];
    const sink = new Collector();
    sink.body = (data) => {
      seen.push(data);
      return 0;
    };
    const chunk = Buffer.concat([frame('abc'), frame('defg')]);
    new FrameIntake(sink, 4).feed(chunk);
    expect(seen.map((data) => data.buffer === chunk.buffer)).toEqual([true, true]);
    expect(sink.targets).toBe(0);
  });

  it('asks for one target for a body in many chunks', () => {
    const sink = new Collector();
    const intake = new FrameIntake(sink, 4);
    for (const byte of frame('x'.repeat(1000))) intake.feed(Buffer.from([byte]));
    expect(sink.targets).toBe(1);
    expect(sink.bodies).toEqual(['x'.repeat(1000)]);
  });

  it('takes nothing after STOP', () => {
    const sink = new Collector();
    const intake = new FrameIntake(sink, 4);
    intake.feed(Buffer.concat([frame('a'), Buffer.alloc(4, 0xff), frame('b')]));
    intake.feed(frame('c'));
    expect(sink.bodies).toEqual(['a']);
  });
});
