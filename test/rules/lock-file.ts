import type { Finding } from './finding.js';

/** The part of `package-lock.json` that is looked at. */
export interface LockFile {
  readonly packages: Readonly<
    Record<
      string,
      {
        readonly version?: string;
        readonly resolved?: string;
        readonly link?: boolean;
        readonly optionalDependencies?: Readonly<Record<string, string>>;
      }
    >
  >;
}

const PATH = 'package-lock.json';

/**
 * What makes `npm ci` fail on another machine: packages for other platforms that the lock file
 * leaves out (npm omits what the registry at hand does not have), and addresses of one certain
 * registry.
 */
export function checkLockFile({ packages }: LockFile): Finding[] {
  const names = new Set(Object.keys(packages).map((path) => path.split('node_modules/').at(-1)));
  return Object.entries(packages).flatMap(([path, entry]) => {
    const missing = Object.keys(entry.optionalDependencies ?? {}).filter((it) => !names.has(it));
    const messages = missing.map((name) => `${path} may need ${name}, which is not locked`);
    if (entry.resolved?.startsWith('http') === true) messages.push(`${path} names a registry`);
    return messages.map((message) => ({ file: PATH, line: 0, message }));
  });
}
