import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Chance } from '../storage/testing/faults.js';
import { MemoryStorage } from '../storage/testing/memory-storage.js';
import type { Catalog } from './catalog.js';
import { rebuildCatalog } from './rebuild-catalog.js';
import { create, placesOf, show } from './testing/catalog-fixture.js';

type Model = ReadonlyMap<string, number>;

type Step =
  | { readonly what: 'put'; readonly changes: readonly (readonly [string, number | undefined])[] }
  | { readonly what: 'reopen' | 'kill' | 'crash' | 'rebuild' }
  | { readonly what: 'cut'; readonly after: number };

const entry = fc.tuple(
  fc.constantFrom('a x', 'a y', 'b x', 'c z'),
  fc.option(fc.nat(99), { nil: undefined }),
);

const anyStep: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      what: fc.constant('put' as const),
      changes: fc.uniqueArray(entry, { minLength: 1, maxLength: 3, selector: ([name]) => name }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.constantFrom<Step>(
      { what: 'reopen' },
      { what: 'kill' },
      { what: 'crash' },
      { what: 'rebuild' },
    ),
  },
  {
    weight: 2,
    arbitrary: fc.record({ what: fc.constant('cut' as const), after: fc.nat(30) }),
  },
);

const shownBy = (model: Model): unknown =>
  ['a', 'b', 'c'].map((kind) =>
    [...model]
      .filter(([name]) => name.startsWith(`${kind} `))
      .sort()
      .map(([name, n]) => [name.slice(2), { n }]),
  );

const applied = (model: Model, changes: readonly (readonly [string, number | undefined])[]) => {
  const next = new Map(model);
  for (const [name, n] of changes) {
    if (n === undefined) next.delete(name);
    else next.set(name, n);
  }
  return next;
};

/** A catalog and the map it must equal, over all its lives. */
class Run {
  readonly #options: { readonly snapshotChanges: number };
  #storage: MemoryStorage;
  #catalog: Catalog | undefined;
  #model: Model = new Map();
  /** What it shows if the change that was under way at a power cut was made. */
  #maybe: Model | undefined;

  constructor(seed: number, snapshotChanges: number) {
    this.#storage = new MemoryStorage(new Chance(seed));
    this.#options = { snapshotChanges };
  }

  async step(step: Step): Promise<void> {
    this.#catalog ??= await this.#open();
    if (step.what === 'put') await this.#put(step.changes);
    else if (step.what === 'cut') this.#cutAfter(step.after);
    else await this.#end(step.what);
  }

  async finish(): Promise<void> {
    await this.#end('crash');
    const catalog = await this.#open();
    await catalog.close();
    expect(this.#storage.keysWrittenTwice).toEqual([]);
    const { length } = await this.#storage.list('catalog');
    expect(length).toBeLessThanOrEqual(10);
  }

  async #open(): Promise<Catalog> {
    const catalog = await create(this.#storage, this.#options);
    expect(placesOf(catalog)).toEqual([]);
    const shown = show(catalog);
    if (this.#maybe !== undefined) {
      const isMade = JSON.stringify(shown) === JSON.stringify(shownBy(this.#maybe));
      if (isMade) this.#model = this.#maybe;
      this.#maybe = undefined;
    }
    expect(shown).toEqual(shownBy(this.#model));
    return catalog;
  }

  async #put(changes: readonly (readonly [string, number | undefined])[]): Promise<void> {
    const next = applied(this.#model, changes);
    try {
      await this.#catalog!.put(
        changes.map(([name, n]) => ({
          kind: name.slice(0, 1),
          id: name.slice(2),
          value: n === undefined ? undefined : { n },
        })),
      );
      this.#model = next;
      expect(show(this.#catalog!)).toEqual(shownBy(next));
    } catch (error) {
      if (!this.#storage.crashed) throw error;
      this.#maybe ??= next;
    }
  }

  #cutAfter(accesses: number): void {
    const at = this.#storage.steps + accesses;
    this.#storage.plan = ({ step }) => (step === at ? { fault: 'crash' } : undefined);
  }

  async #end(how: 'reopen' | 'kill' | 'crash' | 'rebuild'): Promise<void> {
    if (how === 'reopen' || how === 'rebuild') await this.#catalog?.close();
    this.#catalog = undefined;
    const { crashed } = this.#storage;
    // What was under way ends here, as it does with its process.
    this.#storage.crashed = true;
    await new Promise((resolve) => setImmediate(resolve));
    if (how === 'crash' || crashed) this.#storage = this.#storage.afterCrash();
    else this.#storage = this.#storage.afterKill();
    if (how !== 'rebuild' || crashed) return;
    const { lost, problems } = await rebuildCatalog(this.#storage, 0);
    expect([...lost, ...problems]).toEqual([]);
  }
}

describe('a catalog of many lives', { timeout: 120_000 }, () => {
  it('shows what a map would, whatever is done to it and whenever power is cut', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 5 }),
        fc.nat(1e6),
        fc.array(anyStep, { minLength: 1, maxLength: 40 }),
        async (snapshotChanges, seed, steps) => {
          const run = new Run(seed, snapshotChanges);
          for (const step of steps) await run.step(step);
          await run.finish();
        },
      ),
      { numRuns: Number(process.env.RETRACE_TEST_ROUNDS ?? 300) },
    );
  });
});
