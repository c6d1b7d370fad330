import type { VersionRef } from './catalog-codec.js';
import { type CatalogState, currentVersion, setCurrent } from './catalog-state.js';
import {
  type FoundLink,
  type FoundVersion,
  type GenerationContents,
  versionName,
} from './read-generation.js';

/** What one generation has of one change. */
interface Step {
  readonly contents: GenerationContents;
  readonly number: number;
  /** Undefined when it is missing or damaged. */
  readonly link: FoundLink | undefined;
}

export interface ReplayOptions {
  readonly generations: readonly GenerationContents[];
  /** Changes of older generations count only where they continue the chain exactly. */
  readonly fromGeneration: number;
  /** Number of the last change; undefined: to the end. */
  readonly toChange?: number;
  /** Told of everything by which something is lost. */
  readonly report: (generation: number, what: string, why: string) => void;
}

export interface Replayed {
  /** Changes that were made again. */
  readonly changes: number;
  /** Generation of the newest of them; undefined when there was none. */
  readonly lastGeneration: number | undefined;
}

/** Makes the changes of some generations again, upon a state, and checks the chain they are. */
class Replay {
  readonly #state: CatalogState;
  readonly #options: ReplayOptions;
  /** The change before was there, but its link was not: what it is cannot be compared. */
  #isUnlinked = false;
  #changes = 0;
  #lastGeneration: number | undefined;

  constructor(state: CatalogState, options: ReplayOptions) {
    this.#state = state;
    this.#options = options;
  }

  run(): Replayed {
    // Where a number was left out on purpose, the changes of older generations are void.
    const isCut = this.#state.change > this.#state.linkedChange;
    for (const steps of this.#steps()) {
      const step = this.#choose(steps);
      if (step !== undefined) this.#apply(step);
      else if (!isCut) this.#report(steps[0]!, 'it does not continue what the snapshot holds');
    }
    return { changes: this.#changes, lastGeneration: this.#lastGeneration };
  }

  #report({ contents, number }: Step, why: string): void {
    this.#options.report(contents.generation, `change ${number}`, why);
  }

  /** By number, ascending; of each number those of newer generations first. */
  #steps(): readonly (readonly Step[])[] {
    const { generations, toChange = Number.POSITIVE_INFINITY } = this.#options;
    const steps = new Map<number, Step[]>();
    for (const contents of generations) {
      for (const number of contents.changes) {
        if (number <= this.#state.change || number > toChange) continue;
        const found = steps.get(number) ?? [];
        found.unshift({ contents, number, link: contents.links.get(number) });
        steps.set(number, found);
      }
    }
    return [...steps].sort(([a], [b]) => a - b).map(([, found]) => found);
  }

  #choose(steps: readonly Step[]): Step | undefined {
    const own = steps.filter(({ contents }) => contents.generation >= this.#options.fromGeneration);
    return (
      steps.find((step) => this.#breakBefore(step) === undefined) ??
      own.find(({ link }) => link !== undefined) ??
      own[0]
    );
  }

  /** Why a step does not follow what was made last; undefined when it does. */
  #breakBefore({ number, link }: Step): string | undefined {
    const { change, linkedChange, linkedDigest } = this.#state;
    if (link === undefined) return 'it is missing or damaged';
    if (number !== change + 1) return `changes ${change + 1} to ${number - 1} are missing`;
    const { previous, previousDigest } = link.record;
    if (this.#isUnlinked && previous === change) return undefined;
    if (previous === linkedChange && previousDigest.equals(linkedDigest)) return undefined;
    return `change ${linkedChange} is not the one it was made after, which was change ${previous}`;
  }

  #apply(step: Step): void {
    const { contents, number, link } = step;
    const state = this.#state;
    const broken = this.#breakBefore(step);
    if (broken !== undefined) this.#report(step, broken);
    if (link === undefined) {
      for (const version of contents.versions.values()) {
        if (version.change === number) set(state, version);
      }
    } else {
      for (const ref of link.record.versions) this.#applyVersion(step, ref);
      state.linkedChange = number;
      state.linkedDigest = link.digest;
    }
    this.#isUnlinked = link === undefined;
    state.change = number;
    this.#changes++;
    this.#lastGeneration = contents.generation;
  }

  #applyVersion(step: Step, { kind, id, version, crc }: VersionRef): void {
    const name = versionName(kind, id, version);
    const found = step.contents.versions.get(name);
    if (found !== undefined && found.crc === crc) {
      set(this.#state, found);
      return;
    }
    this.#report(step, `its ${name} is missing or damaged; the version before it is used`);
    const { value } = currentVersion(this.#state, kind, id);
    setCurrent(this.#state, kind, id, { version, value });
  }
}

const set = (state: CatalogState, { kind, id, version, value }: FoundVersion): void =>
  setCurrent(state, kind, id, { version, value });

/**
 * Makes all changes after `state.change` again, in order, and brings `state` up to date. Each must
 * name the digest of the one before, and each version must have the checksum its change names: what
 * does not is reported, and of what is left the best is made.
 */
export const replay = (state: CatalogState, options: ReplayOptions): Replayed =>
  new Replay(state, options).run();
