import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

interface ProfileNode {
  readonly id: number;
  readonly callFrame: {
    readonly functionName: string;
    readonly url: string;
    readonly lineNumber: number;
  };
}

/** The part of V8's .cpuprofile that is read here. */
interface Profile {
  readonly nodes: readonly ProfileNode[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

/** A function and the time spent in itself, without what it calls. */
export interface HotFunction {
  readonly name: string;
  readonly place: string;
  readonly selfMs: number;
  /** Of the time that was not idle. */
  readonly share: number;
}

const TOP = 25;
const IDLE = new Set(['(idle)', '(program)']);

/** The functions of a CPU profile by their own time, the most costly first. */
export function hotFunctions(file: string, top = TOP): HotFunction[] {
  const profile = JSON.parse(readFileSync(file, 'utf8')) as Profile;
  const nodes = new Map(profile.nodes.map((node) => [node.id, node]));
  const selfUs = new Map<string, number>();
  for (const [index, id] of profile.samples.entries()) {
    const node = nodes.get(id);
    if (node === undefined || node.callFrame.functionName === '(idle)') continue;
    const key = describe(node);
    selfUs.set(key, (selfUs.get(key) ?? 0) + (profile.timeDeltas[index] ?? 0));
  }
  const busyUs = [...selfUs.values()].reduce((sum, us) => sum + us, 0);
  return [...selfUs]
    .sort(([, a], [, b]) => b - a)
    .slice(0, top)
    .map(([key, us]) => {
      const [name = '', place = ''] = key.split('\t');
      return { name, place, selfMs: us / 1000, share: us / busyUs };
    });
}

function describe({ callFrame }: ProfileNode): string {
  const { functionName, url, lineNumber } = callFrame;
  const file = url.replace(/^.*?\/(packages|node_modules)\//, '$1/');
  const name = functionName === '' ? '(anonymous)' : functionName;
  return IDLE.has(name) || file === '' ? `${name}\t` : `${name}\t${file}:${lineNumber + 1}`;
}

/** All profiles below a folder, newest last. */
export function findProfiles(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.cpuprofile'))
    .map((name) => join(folder, name))
    .sort((a, b) => statSync(a).mtimeMs - statSync(b).mtimeMs);
}

/** The hot functions of all profiles below a folder, for people. */
export function formatProfiles(folder: string): string {
  return findProfiles(folder)
    .map((file) => {
      const lines = hotFunctions(file).map(({ name, place, selfMs, share }) => {
        const percent = `${(share * 100).toFixed(1)} %`.padStart(7);
        return `${percent} ${selfMs.toFixed(0).padStart(7)} ms  ${name}  ${place}`;
      });
      return [`== ${file.slice(folder.length + 1)}`, ...lines].join('\n');
    })
    .join('\n\n');
}
