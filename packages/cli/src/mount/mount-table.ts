import { readFile } from 'node:fs/promises';

/** One line of /proc/self/mountinfo. */
export interface MountEntry {
  readonly dir: string;
  readonly fsType: string;
  readonly source: string;
}

/** The kernel writes space, tab, newline and backslash as three octal digits. */
const unescapeText = (text: string): string =>
  text.replace(/\\([0-7]{3})/g, (_, octal: string) =>
    String.fromCharCode(Number.parseInt(octal, 8)),
  );

/** Parses /proc/self/mountinfo; later lines lie over earlier ones. */
export const parseMountInfo = (text: string): readonly MountEntry[] =>
  text.split('\n').flatMap((line) => {
    const fields = line.split(' ');
    const separator = fields.indexOf('-');
    const dir = fields[4];
    const fsType = fields[separator + 1];
    const source = fields[separator + 2];
    if (separator < 0 || dir === undefined || fsType === undefined || source === undefined)
      return [];
    return [{ dir: unescapeText(dir), fsType, source: unescapeText(source) }];
  });

/** What is mounted now. */
export const readMountTable = async (): Promise<readonly MountEntry[]> =>
  parseMountInfo(await readFile('/proc/self/mountinfo', 'utf8'));

/** The topmost mount at a folder; undefined when none is. */
export const mountAt = async (dir: string): Promise<MountEntry | undefined> =>
  (await readMountTable()).findLast((entry) => entry.dir === dir);
