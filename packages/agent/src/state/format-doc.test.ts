import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { readProgress } from './agent-state.js';
import { readSealed } from './sealed-file.js';

const folder = mkdtempSync(join(tmpdir(), 'retrace-state-doc-'));
afterAll(() => rmSync(folder, { recursive: true }));

describe('docs/formats/agent-state.md', () => {
  it('shows a file that is read as it says', () => {
    const url = new URL('../../../../docs/formats/agent-state.md', import.meta.url);
    const example = /```sealed\n([\s\S]*?)```/.exec(readFileSync(url, 'utf8'))?.[1] ?? '';
    const path = join(folder, 'progress');
    writeFileSync(path, example);
    const found = readSealed(path, 'progress', 1);
    expect(found.kind).toBe('intact');
    if (found.kind !== 'intact') return;
    expect(readProgress(found.value)).toMatchObject({
      epoch: 4,
      acknowledged: { epoch: 4, n: 81_723 },
      lastTimeUs: 1_795_416_779_758_247,
    });
  });
});
