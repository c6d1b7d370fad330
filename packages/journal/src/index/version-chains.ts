import { PagedUint32 } from './paged-array.js';

const NODE_WORDS = 4;
const EXTENT = 0;
const OLDER = 1;
const JUMP = 2;
/** How many nodes older the jump's target is. */
const JUMP_LENGTH = 3;

/**
 * Chains of versions, newest first, one chain per region of a volume. Beside the next older version
 * each node has a jump to a much older one (the skew-binary jump pointers of E. Myers, "An
 * applicative random-access stack", 1983), so that the version at a past instant is found in
 * O(log versions) however often a block was overwritten.
 */
export class VersionChains {
  /** Four words a node side by side: a step along a chain costs one cache miss. */
  readonly #words = new PagedUint32();
  #nodes = 0;

  constructor() {
    // Node 0 ends every chain: its own jump, of length 0.
    for (let word = 0; word < NODE_WORDS; word++) this.#words.set(word, 0);
  }

  get size(): number {
    return this.#nodes;
  }

  get bytes(): number {
    return this.#words.bytes;
  }

  /** Puts a version in front of the chain that starts at `head` (0 for none); the new head. */
  push(head: number, extent: number): number {
    this.#nodes += 1;
    const node = this.#nodes;
    const jump = this.#word(head, JUMP);
    const length = this.#word(head, JUMP_LENGTH);
    const farLength = this.#word(jump, JUMP_LENGTH);
    // Two jumps of one length in a row become one over both.
    const joins = head !== 0 && length === farLength;
    const at = node * NODE_WORDS;
    this.#words.set(at + EXTENT, extent);
    this.#words.set(at + OLDER, head);
    this.#words.set(at + JUMP, joins ? this.#word(jump, JUMP) : head);
    this.#words.set(at + JUMP_LENGTH, joins ? 1 + length + farLength : 1);
    return node;
  }

  /**
   * The extent of the newest version whose number is at most `limit`, 0 when there is none.
   * @param numberOf - a version's number (its seq); decreases along a chain
   */
  newestAtMost(head: number, limit: number, numberOf: (extent: number) => number): number {
    let node = head;
    while (node !== 0) {
      const extent = this.#word(node, EXTENT);
      if (numberOf(extent) <= limit) return extent;
      const jump = this.#word(node, JUMP);
      const far = jump !== 0 && numberOf(this.#word(jump, EXTENT)) > limit;
      node = far ? jump : this.#word(node, OLDER);
    }
    return 0;
  }

  #word(node: number, word: number): number {
    return this.#words.get(node * NODE_WORDS + word);
  }
}
