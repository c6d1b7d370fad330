import { checkName } from '../ids/names.js';
import { LIMITS } from '../limits.js';
import { decodeMap, encodeMap } from './body.js';
import { MapReader } from './map-reader.js';

/** Why a volume has no consistent instant for a while. */
export const GAP_REASONS = [
  'unclean-stop',
  'changed-while-stopped',
  'queue-given-up',
  'acknowledged-loss',
  'local-read-failed',
  'resync-requested',
  'state-lost',
] as const;

export type GapReason = (typeof GAP_REASONS)[number];

/** Durability as configured and as in force. */
export const DURABILITIES = ['async', 'flush', 'sync'] as const;
export type Durability = (typeof DURABILITIES)[number];

/** What is known of a bookmark's instant. */
export const CONSISTENCIES = ['crash', 'filesystem', 'application'] as const;
export type Consistency = (typeof CONSISTENCIES)[number];

/**
 * The body of a mark record. `start` and `clean-stop` concern the group (GROUP_VOLUME_INDEX), as do
 * `bookmark` and `clock-step`; the others concern the record's volume.
 *
 * - start: the first record of every epoch.
 * - clean-stop: the last record of its epoch; everything before it is on disk and in the journal.
 * - sync-begin: a whole copy of the volume follows, as records with the syncCopy flag.
 * - sync-complete: from this record on the volume is consistent; closes every open gap of it.
 * - gap-open: from here to the next sync-complete the volume has no consistent instant.
 * - gap-close: the gap ended without a copy (nothing had been lost after all).
 * - durability-change: the durability in force from here on, and why.
 */
export type Mark =
  | { readonly mark: 'start'; readonly software: string }
  | { readonly mark: 'clean-stop' }
  | { readonly mark: 'sync-begin' }
  | { readonly mark: 'sync-complete' }
  | { readonly mark: 'gap-open'; readonly reason: GapReason }
  | { readonly mark: 'gap-close' }
  | { readonly mark: 'bookmark'; readonly name: string; readonly consistency: Consistency }
  | { readonly mark: 'clock-step'; readonly heldAtUs: number; readonly wallUs: number }
  | { readonly mark: 'durability-change'; readonly inForce: Durability; readonly reason: string };

export type MarkName = Mark['mark'];

const MARK_NAMES = [
  'start',
  'clean-stop',
  'sync-begin',
  'sync-complete',
  'gap-open',
  'gap-close',
  'bookmark',
  'clock-step',
  'durability-change',
] as const satisfies readonly MarkName[];

export const encodeMark = (mark: Mark): Buffer => encodeMap(mark);

/** @throws RetraceError FRAME_INVALID, NAME_INVALID */
export const decodeMark = (body: Buffer): Mark => {
  const reader = new MapReader(decodeMap(body, 'mark', LIMITS.bodyBytesMax), 'mark');
  const mark = reader.oneOf('mark', MARK_NAMES);
  switch (mark) {
    case 'start':
      return { mark, software: reader.text('software') };
    case 'gap-open':
      return { mark, reason: reader.oneOf('reason', GAP_REASONS) };
    case 'bookmark':
      return {
        mark,
        name: checkName(reader.text('name'), 'bookmark name'),
        consistency: reader.oneOf('consistency', CONSISTENCIES),
      };
    case 'clock-step':
      return { mark, heldAtUs: reader.count('heldAtUs'), wallUs: reader.count('wallUs') };
    case 'durability-change':
      return {
        mark,
        inForce: reader.oneOf('inForce', DURABILITIES),
        reason: reader.text('reason'),
      };
    case 'clean-stop':
    case 'sync-begin':
    case 'sync-complete':
    case 'gap-close':
      return { mark };
  }
};
