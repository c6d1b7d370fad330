import { formatTime } from '@retrace/core';
import { columnOf, type Grid, USUAL_SPANS_MS } from './grid.js';

const MINUTE_US = 60e6;
const DAY_US = 86_400e6;
const YEAR_US = 365 * DAY_US;

/** Texts of times by how far apart they stand. */
const labelOf = (timeUs: number, stepUs: number, spanUs: number): string => {
  const iso = formatTime(timeUs);
  if (spanUs > YEAR_US) return iso.slice(0, 10);
  // The first label of a day says which day it is.
  if (stepUs >= DAY_US || timeUs % DAY_US === 0) return iso.slice(5, 10);
  return stepUs < MINUTE_US ? iso.slice(11, 19) : iso.slice(11, 16);
};

/** The mark before a label, and a space after it. */
const LABEL_MARGIN = 2;

const stepOf = (grid: Grid): number => {
  const spanUs = grid.columns * grid.columnUs;
  const needsUs = (stepUs: number): number =>
    (labelOf(1, stepUs, spanUs).length + LABEL_MARGIN) * grid.columnUs;
  const usual = USUAL_SPANS_MS.find((stepMs) => stepMs * 1000 >= needsUs(stepMs * 1000));
  // Beyond them any number of days will do.
  return usual === undefined ? Math.ceil(needsUs(DAY_US) / DAY_US) * DAY_US : usual * 1000;
};

/**
 * Times in UTC below the columns in which they lie: `|09:50     |10:00`. Round ones, or the start
 * of the range where no round one lies in it.
 * @param columnsMax - labels may stand beyond the last column, up to here
 */
export const axisRow = (grid: Grid, columnsMax: number): string => {
  const stepUs = stepOf(grid);
  const spanUs = grid.columns * grid.columnUs;
  const cells = new Array<string>(columnsMax).fill(' ');
  const put = (column: number, label: string): void => {
    cells[column] = '|';
    if (column + label.length >= columnsMax) return;
    [...label].forEach((char, index) => {
      cells[column + 1 + index] = char;
    });
  };
  const firstUs = Math.ceil(grid.startUs / stepUs) * stepUs;
  for (let timeUs = firstUs; timeUs < grid.startUs + spanUs; timeUs += stepUs) {
    put(columnOf(grid, timeUs), labelOf(timeUs, stepUs, spanUs));
  }
  if (!cells.includes('|')) put(0, labelOf(grid.startUs, grid.columnUs, spanUs));
  return cells.join('').trimEnd();
};
