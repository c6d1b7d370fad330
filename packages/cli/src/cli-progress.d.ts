/** The part of cli-progress this program uses; the package ships no types. */
declare module 'cli-progress' {
  interface Options {
    readonly stream?: import('node:stream').Writable;
    readonly format?: string;
    readonly hideCursor?: boolean;
    readonly clearOnComplete?: boolean;
  }

  interface Preset {
    readonly format: string;
    readonly barCompleteChar: string;
    readonly barIncompleteChar: string;
  }

  class SingleBar {
    constructor(options: Options, preset: Preset);
    start(total: number, value: number, payload?: Readonly<Record<string, string>>): void;
    update(value: number, payload?: Readonly<Record<string, string>>): void;
    setTotal(total: number): void;
    stop(): void;
  }

  const Presets: { readonly shades_classic: Preset };
}
