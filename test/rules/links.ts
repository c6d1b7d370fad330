import { posix } from 'node:path';
import type { Finding } from './finding.js';

/** A Markdown page. */
export interface Page {
  readonly path: string;
  readonly text: string;
}

const INLINE_LINK = /!?\[[^\]]*\]\(\s*<?([^)\s>]+)>?(?:\s+"[^"]*")?\s*\)/g;
const REFERENCE = /^\[[^\]]+\]:\s*(\S+)/g;
const ABSOLUTE = /^([a-z][a-z0-9+.-]*:|\/\/)/i;

/** Relative links that lead nowhere: to no file, or to no heading of a page. */
export function checkLinks(pages: readonly Page[], exists: (path: string) => boolean): Finding[] {
  const anchors = new Map(pages.map(({ path, text }) => [path, headingAnchors(text)]));
  return pages.flatMap((page) =>
    linksOf(page).flatMap(({ target, line }) => {
      const message = linkProblem(page.path, target, anchors, exists);
      return message === undefined ? [] : [{ file: page.path, line, message }];
    }),
  );
}

function linkProblem(
  from: string,
  target: string,
  anchors: ReadonlyMap<string, ReadonlySet<string>>,
  exists: (path: string) => boolean,
): string | undefined {
  if (ABSOLUTE.test(target)) return undefined;
  const [file = '', anchor] = decodeURI(target).split('#');
  const path = file === '' ? from : posix.join(posix.dirname(from), file);
  if (path.startsWith('..')) return `'${target}' leads out of the repository`;
  if (!exists(path)) return `'${target}': there is no ${path}`;
  const known = anchors.get(path);
  if (anchor === undefined || known === undefined || known.has(anchor)) return undefined;
  return `'${target}': ${path} has no heading #${anchor}`;
}

/** Links outside of code. */
function linksOf({ text }: Page): { target: string; line: number }[] {
  return proseLines(text).flatMap(({ line, prose }) =>
    [...prose.matchAll(INLINE_LINK), ...prose.matchAll(REFERENCE)].flatMap(([, target]) =>
      target === undefined ? [] : [{ target, line }],
    ),
  );
}

function proseLines(text: string): { line: number; prose: string }[] {
  let isCode = false;
  return text.split('\n').flatMap((raw, index) => {
    const isFence = /^\s*(```|~~~)/.test(raw);
    if (isFence) isCode = !isCode;
    if (isFence || isCode) return [];
    return [{ line: index + 1, prose: raw.replaceAll(/`[^`]*`/g, '') }];
  });
}

/** The anchors GitHub gives to the headings of a page. */
function headingAnchors(text: string): ReadonlySet<string> {
  let isCode = false;
  const seen = new Map<string, number>();
  const anchors = new Set<string>();
  for (const raw of text.split('\n')) {
    if (/^\s*(```|~~~)/.test(raw)) isCode = !isCode;
    const title = isCode ? undefined : /^#{1,6}\s+(.+?)\s*#*$/.exec(raw)?.[1];
    if (title === undefined) continue;
    const slug = title
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(/\s/g, '-');
    const count = seen.get(slug) ?? 0;
    anchors.add(count === 0 ? slug : `${slug}-${count}`);
    seen.set(slug, count + 1);
  }
  return anchors;
}
