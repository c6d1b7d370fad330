/**
 * Runs steps one after the other, times them, and remembers what went wrong.
 */
export class Phases {
  /** @type {import('./summary.mjs').Phase[]} */
  #done = [];

  /** @type {string[]} */
  #errors = [];

  /** The steps so far, in order. */
  get done() {
    return this.#done;
  }

  /** One line for each step that failed. */
  get errors() {
    return this.#errors;
  }

  /**
   * Runs one step.
   *
   * @param {string} name
   * @param {() => Promise<import('./run.mjs').StepResult>} step
   * @returns {Promise<boolean>} whether it went well
   */
  async run(name, step) {
    const startMs = performance.now();
    console.log(`\n== ${name}`);
    const result = await step();
    const seconds = (performance.now() - startMs) / 1000;
    if (!result.ok) {
      this.#errors.push(`${name} failed: ${result.reason}`);
      this.#done.push({ name, seconds, outcome: 'failed' });
      console.log(`== ${name}: failed, ${seconds.toFixed(1)} s`);
      return false;
    }
    const outcome = result.isSkipped === true ? 'skipped' : 'ok';
    const note = result.note ?? (result.isSkipped === true ? 'up to date' : undefined);
    this.#done.push({ name, seconds, outcome, ...(note === undefined ? {} : { note }) });
    console.log(`== ${name}: ${outcome}, ${seconds.toFixed(1)} s`);
    return true;
  }
}
