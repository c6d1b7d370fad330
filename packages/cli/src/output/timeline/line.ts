/** What a line is, for a terminal that has colours. */
export type Tone = 'title' | 'bars' | 'gap' | 'bookmark';

/** One line of text. */
export interface Line {
  readonly text: string;
  readonly tone?: Tone;
}

/** A line without a colour. */
export const plain = (text: string): Line => ({ text });

const SGR: Readonly<Record<Tone, number>> = { title: 1, bars: 36, gap: 31, bookmark: 33 };

/** The lines as one text; with `color` in the colours of their tones (SGR sequences). */
export const joinLines = (lines: readonly Line[], color: boolean): string =>
  lines
    .map(({ text, tone }) =>
      color && tone !== undefined ? `\u001b[${SGR[tone]}m${text}\u001b[0m` : text,
    )
    .join('\n');
