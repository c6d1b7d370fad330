import { describe, expect, it } from 'vitest';
import { complaints, expectedAt, type Folder, type Step } from './folder-model.js';

const A = Buffer.from('aaaa');
const B = Buffer.from('bbbbbb');

function folder(files: Readonly<Record<string, Buffer>>): Folder {
  return new Map(Object.entries(files));
}

function step(what: string, doneUs: number, before: Folder, after: Folder): Step {
  return { what, begunUs: doneUs - 10, doneUs, before, after };
}

describe('what a crash leaves of a folder', () => {
  const empty = folder({});
  const one = folder({ one: A });
  const renamed = folder({ two: A });
  const appended = folder({ two: Buffer.concat([A, B]) });
  const steps = [
    step('create', 100, empty, one),
    step('rename', 200, one, renamed),
    step('append', 300, renamed, appended),
    step('delete', 400, appended, empty),
  ];
  const at = (timeUs: number, found: Folder): string[] =>
    complaints(found, expectedAt(steps, timeUs));

  it('is what was done, and nothing that was not begun', () => {
    expect(at(50, empty)).toEqual([]);
    expect(at(50, one)).toHaveLength(1);
    expect(at(150, one)).toEqual([]);
    expect(at(150, empty)).toHaveLength(1);
    expect(at(150, folder({ one: B }))).toHaveLength(1);
    expect(at(250, renamed)).toEqual([]);
    expect(at(250, folder({ one: A, two: A }))).toHaveLength(1);
    expect(at(500, empty)).toEqual([]);
    expect(at(500, appended)).toHaveLength(1);
  });

  it('may be either side of the step under way, or between', () => {
    for (const found of [empty, one, folder({ one: A.subarray(0, 2) })]) {
      expect(at(95, found)).toEqual([]);
    }
    expect(at(95, folder({ one: B }))).toHaveLength(1);
    for (const found of [one, renamed]) expect(at(195, found)).toEqual([]);
    expect(at(195, empty)).toHaveLength(1);
    for (const found of [renamed, appended]) expect(at(295, found)).toEqual([]);
    expect(at(295, folder({ two: B }))).toHaveLength(1);
    for (const found of [appended, empty]) expect(at(395, found)).toEqual([]);
  });
});
