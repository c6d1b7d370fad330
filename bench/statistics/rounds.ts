/** A side of a comparison; each call measures once. */
export type Contender<T> = () => Promise<T>;

/** What each contender measured, round by round. */
export type Rounds<Names extends string, T> = Readonly<Record<Names, readonly T[]>>;

/**
 * Measures all contenders in turn, `rounds` times, every second round in reverse order: what drifts
 * on a shared machine hits all of them alike.
 */
export async function alternate<Names extends string, T>(
  rounds: number,
  contenders: Readonly<Record<Names, Contender<T>>>,
): Promise<Rounds<Names, T>> {
  const names = Object.keys(contenders) as Names[];
  const results = Object.fromEntries(names.map((name) => [name, [] as T[]])) as Record<Names, T[]>;
  for (let round = 0; round < rounds; round++) {
    const order = round % 2 === 0 ? names : names.toReversed();
    for (const name of order) results[name].push(await contenders[name]());
  }
  return results;
}
