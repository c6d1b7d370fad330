import type { VolumeState } from '@retrace/core';

/**
 * What can happen to a volume. `spool-*` and `resync-*` are for agents with a spool and a dirty
 * map: nothing in this version raises them.
 *
 * - stream-lost: what the volume did is no longer recorded, or was lost on the way (queue given up,
 *   fenced, acknowledged records lost, the local disk unreadable): only a copy mends it;
 * - copy-begun, copy-completed, copy-failed: the full copy; completed once the journal has its end;
 * - proven-clean: at the start, the clean-stop mark matched disk and journal.
 */
export const VOLUME_EVENTS = [
  'proven-clean',
  'copy-begun',
  'copy-completed',
  'copy-failed',
  'stream-lost',
  'spool-begun',
  'spool-drained',
  'spool-full',
  'resync-begun',
  'resync-completed',
] as const;

export type VolumeEvent = (typeof VOLUME_EVENTS)[number];

type Row = Readonly<Record<VolumeEvent, VolumeState>>;

/** A row in which nothing happens but what is named. */
const row = (state: VolumeState, changes: Partial<Row>): Row => ({
  'proven-clean': state,
  'copy-begun': state,
  'copy-completed': state,
  'copy-failed': state,
  'stream-lost': 'resync-needed',
  'spool-begun': state,
  'spool-drained': state,
  'spool-full': state,
  'resync-begun': state,
  'resync-completed': state,
  ...changes,
});

/** Every state and every event (docs/protocol.md shows it as a table). */
export const VOLUME_TRANSITIONS: Readonly<Record<VolumeState, Row>> = {
  'initial-sync': row('initial-sync', {
    'copy-completed': 'protected',
    'copy-failed': 'resync-needed',
    'spool-full': 'resync-needed',
  }),
  protected: row('protected', { 'spool-begun': 'spooling' }),
  spooling: row('spooling', { 'spool-drained': 'protected', 'spool-full': 'bitmap' }),
  bitmap: row('bitmap', { 'resync-begun': 'resync' }),
  resync: row('resync', { 'resync-completed': 'protected', 'spool-full': 'bitmap' }),
  'resync-needed': row('resync-needed', {
    'proven-clean': 'protected',
    'copy-begun': 'initial-sync',
    'resync-begun': 'resync',
  }),
};

/** The state after an event. Pure and total. */
export const nextVolumeState = (state: VolumeState, event: VolumeEvent): VolumeState =>
  VOLUME_TRANSITIONS[state][event];

/** Only these give consistent instants. */
export const isConsistent = (state: VolumeState): boolean =>
  state === 'protected' || state === 'spooling';
