import { describe, expect, it } from 'vitest';
import { formatFacts, formatTable } from './table.js';

describe('tables', () => {
  it('aligns columns by their widest cell', () => {
    expect(
      formatTable(
        ['NAME', 'SIZE'],
        [
          ['web-01/root', '1 GiB'],
          ['x', ''],
        ],
      ),
    ).toBe('NAME         SIZE\nweb-01/root  1 GiB\nx');
  });

  it('leaves out facts that are not known', () => {
    expect(
      formatFacts([
        ['seq', '5'],
        ['before', undefined],
        ['state', 'consistent'],
      ]),
    ).toBe('seq    5\nstate  consistent');
  });
});
