/** Where the log keeps its segments: a directory each, named by its number. */
export const LOG_DIRECTORY = 'log';

const NUMBER_DIGITS = 10;
const NUMBER = /^\d{10}$/;

export const segmentName = (segment: number): string =>
  String(segment).padStart(NUMBER_DIGITS, '0');

export const segmentDirectory = (segment: number): string =>
  `${LOG_DIRECTORY}/${segmentName(segment)}`;

/** LevelDB database of the segment's chunks. */
export const entriesDirectory = (segment: number): string => `${segmentDirectory(segment)}/entries`;

/** The segment's payload file. */
export const payloadPath = (segment: number): string => `${segmentDirectory(segment)}/payload`;

/** The number of a segment's directory; undefined for another name. */
export const parseSegmentName = (name: string): number | undefined =>
  NUMBER.test(name) ? Number(name) : undefined;
