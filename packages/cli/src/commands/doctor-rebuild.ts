import { RetraceError, systemClock } from '@retrace/core';
import type { JsonMap } from '../client/fields.js';
import type { Output } from '../output/output.js';
import { formatCount } from '../output/units.js';

const plural = (count: number, one: string, many: string): string =>
  `${formatCount(count)} ${count === 1 ? one : many}`;

/** When a snapshot was taken, as far as it says so. */
const takenText = (takenUs: number): string =>
  takenUs === 0 ? '' : `, taken ${new Date(takenUs / 1000).toISOString()}`;

/**
 * `retrace doctor --rebuild-catalog`: makes the catalog of a stopped server anew out of what is
 * intact of it. Nothing is deleted.
 * @throws RetraceError USAGE without `--data`; DATA_DIR_LOCKED, DATA_DIR_FORMAT; CORRUPTION when
 *   there is nothing to make it of
 */
export const rebuildCatalogOf = async (dataDir: string | undefined, out: Output): Promise<void> => {
  if (dataDir === undefined) {
    throw new RetraceError('USAGE', '--rebuild-catalog needs --data: whose catalog is it?');
  }
  const { rebuildStoppedCatalog } = await import('@retrace/journal');
  const rebuilt = await rebuildStoppedCatalog(dataDir, systemClock);
  const { snapshot, changes, entries, kinds, lost, problems, place, quarantine, moved } = rebuilt;
  const report: JsonMap = { rebuilt: true, ...rebuilt, snapshot: snapshot ?? null };
  await out.result(report, () => {
    const from =
      snapshot === undefined
        ? 'no snapshot'
        : `${snapshot.place} (change ${snapshot.change}${takenText(snapshot.takenUs)})`;
    const byKind = Object.entries(kinds).map(([kind, count]) => `${formatCount(count)} ${kind}`);
    const told = (what: string, list: typeof lost): string[] =>
      list.map((one) => `${what}: ${one.message} (${one.place})`);
    return [
      `used ${from} and ${plural(changes, 'change', 'changes')} after it`,
      `the catalog has ${plural(entries, 'entry', 'entries')} now, in ${place}` +
        (byKind.length === 0 ? '' : `: ${byKind.sort().join(', ')}`),
      ...told('LOST', lost),
      ...told('damaged, and nothing lost by it', problems),
      ...(lost.length === 0 ? ['nothing is lost'] : []),
      `put aside in ${quarantine}: ${plural(moved.length, 'file or folder', 'files and folders')}`,
    ].join('\n');
  });
};
