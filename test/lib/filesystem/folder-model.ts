/** Names of files and what they hold. */
export type Folder = ReadonlyMap<string, Buffer>;

/** One step of a workload: what was begun and, once its fsync had returned, what was there. */
export interface Step {
  readonly what: string;
  /** By the test's clock, before anything of the step was begun. */
  readonly begunUs: number;
  /** By the test's clock, after its fsync had returned. */
  readonly doneUs: number;
  readonly before: Folder;
  readonly after: Folder;
}

/** What a folder is at least and at most: step by step, each one begun after the last was done. */
export interface ExpectedFolder {
  readonly settled: Folder;
  /** The step that had begun and was not done yet. */
  readonly underWay: Step | undefined;
}

/** What a crash at this time must leave. */
export function expectedAt(steps: readonly Step[], timeUs: number): ExpectedFolder {
  const done = steps.filter(({ doneUs }) => doneUs <= timeUs);
  const underWay = steps.find(({ begunUs, doneUs }) => begunUs <= timeUs && doneUs > timeUs);
  return { settled: done.at(-1)?.after ?? new Map(), underWay };
}

/** What is wrong with a folder that a crash left; empty when it is in order. */
export function complaints(found: Folder, { settled, underWay }: ExpectedFolder): string[] {
  const touched = touchedBy(underWay);
  const list: string[] = [];
  for (const [name, bytes] of settled) {
    if (touched.has(name)) continue;
    const actual = found.get(name);
    if (actual === undefined) list.push(`${name}: its fsync had returned, and it is not there`);
    else if (!actual.equals(bytes)) list.push(`${name}: not what its fsync had promised`);
  }
  for (const [name, bytes] of found) {
    if (settled.has(name) && !touched.has(name)) continue;
    if (underWay === undefined || !touched.has(name)) list.push(`${name}: it came from nowhere`);
    else if (!isHalfDone(bytes, underWay.before.get(name), underWay.after.get(name))) {
      list.push(`${name}: bytes that neither were there before "${underWay.what}" nor after it`);
    }
  }
  return underWay === undefined ? list : [...list, ...lostByStep(found, underWay)];
}

/** A rename may have happened or not: but one of both names is there. */
function lostByStep(found: Folder, { what, before, after }: Step): string[] {
  const either = [...touchedNames(before, after)];
  const mayVanish = either.some((name) => !before.has(name)) && before.size < after.size;
  const isDelete = after.size < before.size;
  if (mayVanish || isDelete || either.length === 0) return [];
  return either.some((name) => found.has(name)) ? [] : [`"${what}" lost ${either.join(' and ')}`];
}

function touchedBy(step: Step | undefined): ReadonlySet<string> {
  return step === undefined ? new Set() : touchedNames(step.before, step.after);
}

function touchedNames(before: Folder, after: Folder): ReadonlySet<string> {
  const names = new Set([...before.keys(), ...after.keys()]);
  return new Set([...names].filter((name) => before.get(name) !== after.get(name)));
}

/** Each byte is the old or the new one; what has no old one may still read as zero. */
function isHalfDone(found: Buffer, before: Buffer | undefined, after: Buffer | undefined): boolean {
  const length = Math.max(before?.length ?? 0, after?.length ?? 0);
  if (found.length > length) return false;
  return found.every((byte, at) => {
    if (byte === before?.[at] || byte === after?.[at]) return true;
    return byte === 0 && at >= (before?.length ?? 0);
  });
}
