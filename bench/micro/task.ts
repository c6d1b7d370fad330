/**
 * How a micro benchmark adds itself.
 * @param perCall - units that one call of `run` handles
 */
export type AddTask = (name: string, perCall: number, unit: string, run: () => unknown) => void;
