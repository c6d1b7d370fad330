import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { formatFindings } from './finding.js';
import { checkLinks } from './links.js';
import { listFiles, ROOT, readText } from './source-tree.js';

function problems(text: string): string[] {
  const pages = [
    { path: 'docs/a.md', text },
    { path: 'README.md', text: '# Retrace\n\n## Two words, here\n\n## Twice\n\n## Twice\n' },
  ];
  const files = new Set(['docs/a.md', 'README.md', 'docs']);
  return formatFindings(checkLinks(pages, (path) => files.has(path)));
}

describe('links between pages', () => {
  it('lead somewhere in this repository', () => {
    const pages = listFiles()
      .filter((path) => path.endsWith('.md'))
      .map((path) => ({ path, text: readText(path) }));
    const exists = (path: string): boolean => existsSync(join(ROOT, path));
    expect(formatFindings(checkLinks(pages, exists))).toEqual([]);
  });

  it('are found to lead nowhere', () => {
    expect(problems('\nSee [this](gone.md).')).toEqual([
      "docs/a.md:2: 'gone.md': there is no docs/gone.md",
    ]);
    expect(problems('![picture](img/gone.png "title")')).toHaveLength(1);
    expect(problems('[this]: gone.md')).toHaveLength(1);
    expect(problems('[this](../README.md#no-such)')).toEqual([
      "docs/a.md:1: '../README.md#no-such': README.md has no heading #no-such",
    ]);
    expect(problems('[out](../../other/README.md)')).toHaveLength(1);
  });

  it('may lead to files, headings and other sites', () => {
    const targets = ['../README.md', '../README.md#two-words-here', '../README.md#twice-1'];
    for (const target of [...targets, 'https://example.org/x', 'mailto:a@example.org', '../docs']) {
      expect(problems(`[this](${target})`)).toEqual([]);
    }
  });

  it('are not looked for in code', () => {
    expect(problems('```\n[this](gone.md)\n```\nand `[this](gone.md)`')).toEqual([]);
  });
});
