/** What LevelDB says of files that are damaged or missing, as opposed to unreadable just now. */
const DAMAGED = /Corruption|No such file|does not exist|Invalid argument/;

/** True for an error by which LevelDB says that what it found can never be opened. */
export const isDamagedDatabase = (error: unknown): boolean => {
  for (let at = error, depth = 0; at instanceof Error && depth < 8; at = at.cause, depth++) {
    if (DAMAGED.test(at.message)) return true;
  }
  return false;
};
