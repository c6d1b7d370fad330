import { cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { tempDir } from './temp-dir.js';

/** A change to one built file. */
export interface Patch {
  /** Its path from the root of the repository. */
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const OWN_SCOPE = '@retrace';

/**
 * A copy of the built program with a mistake in it, to see that a test finds it. The program itself
 * has no switch for this.
 *
 * @returns the path of its `retrace.cjs`
 * @throws Error when a patch does not apply exactly once
 */
export function patchedProgram(patches: readonly Patch[]): string {
  const copy = tempDir();
  for (const name of readdirSync(join(ROOT, 'packages'))) copyPackage(name, copy);
  linkDependencies(join(ROOT, 'node_modules'), join(copy, 'node_modules'), copy);
  for (const { file, from, to } of patches) {
    const parts = readFileSync(join(copy, file), 'utf8').split(from);
    if (parts.length !== 2) throw new Error(`${file} holds ${parts.length - 1} times: ${from}`);
    writeFileSync(join(copy, file), parts.join(to));
  }
  return join(copy, 'packages', 'cli', 'bin', 'retrace.cjs');
}

function copyPackage(name: string, copy: string): void {
  const [from, to] = [join(ROOT, 'packages', name), join(copy, 'packages', name)];
  for (const part of ['package.json', 'dist', 'bin']) {
    mkdirSync(dirname(join(to, part)), { recursive: true });
    if (readdirSync(from).includes(part)) {
      cpSync(join(from, part), join(to, part), { recursive: true });
    }
  }
}

/** What others made is shared; our own packages are those of the copy. */
function linkDependencies(from: string, to: string, copy: string): void {
  mkdirSync(join(to, OWN_SCOPE), { recursive: true });
  for (const name of readdirSync(from)) {
    if (name !== OWN_SCOPE) symlinkSync(join(from, name), join(to, name));
  }
  for (const name of readdirSync(join(copy, 'packages'))) {
    symlinkSync(join(copy, 'packages', name), join(to, OWN_SCOPE, name));
  }
}
