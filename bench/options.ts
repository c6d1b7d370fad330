import { parseArgs } from 'node:util';

/** What the benchmark was asked to do. */
export interface Options {
  /** Rows of the goals to measure, in order. */
  readonly rows: readonly string[];
  /** Alternating rounds; each figure is the median over them. */
  readonly runs: number;
  /** Length of one measurement. */
  readonly seconds: number;
  readonly isSize: boolean;
  readonly isMicro: boolean;
  /** Where the results go; absent: a new file in bench/results. */
  readonly json: string | undefined;
  /** Parent of the folder all data lies in. */
  readonly dir: string | undefined;
  /** CPU profiles of agent and server go here, and their hot functions are printed. */
  readonly profile: string | undefined;
  /** The table as Markdown, for docs/benchmarks.md. */
  readonly isMarkdown: boolean;
  /** Records of the `--size` run. */
  readonly records: number;
}

export const ROWS = ['1', '2', '3', '4', '5', '6', '7', '10', '18', '19'] as const;

export const USAGE = `npm run bench -- [OPTIONS]

  --rows 1,2,7     only these rows of the goals (default: ${ROWS.join(',')})
  --runs N         alternating rounds, medians are shown (default 3)
  --seconds N      length of one measurement (default 5)
  --quick          one round of 2 seconds
  --size           instead: 1 TiB volume, 5 million records: memory, restart to first answer
  --records N      records of --size (default 5000000)
  --micro          instead: micro benchmarks of codecs, index, NBD requests and checksums
  --json FILE      where the results go (default: bench/results/TIME.json)
  --markdown       prints the table as Markdown
  --dir DIR        parent of the temporary folder: must lie on a real disk
  --profile DIR    writes CPU profiles of agent and server there and prints their hot functions
  --help`;

/** Reads the command line. @throws Error that says what is wrong with it */
export function readOptions(args: readonly string[]): Options | 'help' {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rows: { type: 'string' },
      runs: { type: 'string' },
      seconds: { type: 'string' },
      quick: { type: 'boolean', default: false },
      size: { type: 'boolean', default: false },
      records: { type: 'string' },
      micro: { type: 'boolean', default: false },
      json: { type: 'string' },
      markdown: { type: 'boolean', default: false },
      dir: { type: 'string' },
      profile: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return 'help';
  const rows = values.rows?.split(',').map((row) => row.trim()) ?? [...ROWS];
  const unknown = rows.find((row) => !ROWS.some((known) => known === row));
  if (unknown !== undefined) {
    throw new Error(`--rows: there is no row ${unknown}; there are ${ROWS.join(', ')}`);
  }
  return {
    rows,
    runs: wholeNumber('--runs', values.runs, values.quick ? 1 : 3),
    seconds: wholeNumber('--seconds', values.seconds, values.quick ? 2 : 5),
    isSize: values.size,
    isMicro: values.micro,
    records: wholeNumber('--records', values.records, 5_000_000),
    isMarkdown: values.markdown,
    json: values.json,
    dir: values.dir,
    profile: values.profile,
  };
}

function wholeNumber(name: string, text: string | undefined, otherwise: number): number {
  if (text === undefined) return otherwise;
  if (!/^[1-9]\d{0,9}$/.test(text)) throw new Error(`${name}: not a whole number from 1: ${text}`);
  return Number(text);
}
