import { readFileSync } from 'node:fs';
import { VOLUME_EVENTS, VOLUME_TRANSITIONS } from '@retrace/agent';
import { VOLUME_STATES } from '@retrace/core';
import { SESSION_EVENTS, SESSION_STATES, SESSION_TABLE } from '@retrace/server';
import { describe, expect, it } from 'vitest';

const DOC = readFileSync(new URL('../../docs/protocol.md', import.meta.url), 'utf8');

const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;

/** Events as rows, states as columns; a cell that says nothing new is a dot. */
const drawTable = <S extends string, E extends string>(
  states: readonly S[],
  events: readonly E[],
  cell: (state: S, event: E) => string,
): string =>
  [
    row(['event', ...states]),
    row(['---', ...states.map(() => '---')]),
    ...events.map((event) => row([event, ...states.map((state) => cell(state, event))])),
  ].join('\n');

const SESSIONS = drawTable(
  SESSION_STATES,
  SESSION_EVENTS,
  (state, event) => SESSION_TABLE[state][event],
);

const VOLUMES = drawTable(VOLUME_STATES, VOLUME_EVENTS, (state, event) => {
  const next = VOLUME_TRANSITIONS[state][event];
  return next === state ? '.' : next;
});

describe('docs/protocol.md', () => {
  it.each([
    ['session', SESSIONS],
    ['volume', VOLUMES],
  ])('shows the %s table as the code has it', (name, table) => {
    const found = new RegExp(`<!-- table: ${name} -->\\n+((?:\\|.*\\n)+)`).exec(DOC)?.[1] ?? '';
    expect(found.trim()).toBe(table);
  });

  it('names tests that exist', () => {
    const paths = [...DOC.matchAll(/`((?:packages|test)\/[^`]+\.test\.ts)`/g)].map((m) => m[1]!);
    expect(paths.length).toBeGreaterThan(5);
    for (const path of paths) {
      expect(() => readFileSync(new URL(`../../${path}`, import.meta.url))).not.toThrow();
    }
  });
});
