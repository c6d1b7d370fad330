import { RetraceError, type TargetRef, type VolumeRef } from '@retrace/core';
import type { GroupPort, JournalPort } from '../journal-port.js';

/** The group a volume belongs to. @throws RetraceError VOLUME_UNKNOWN */
export const groupOfVolume = (journal: JournalPort, ref: VolumeRef): GroupPort => {
  if (ref.kind === 'clone') {
    throw new RetraceError('VOLUME_UNKNOWN', 'clones are not available in this version');
  }
  const volume = journal.volumeByRef(ref);
  const group = journal.groups().find(({ id }) => id === volume.groupId);
  if (group === undefined) throw new RetraceError('GROUP_UNKNOWN', 'the volume has no group');
  return group;
};

/** The group a target is, or belongs to. @throws RetraceError VOLUME_UNKNOWN, GROUP_UNKNOWN */
export const groupOf = (journal: JournalPort, target: TargetRef): GroupPort =>
  target.kind === 'group' ? journal.groupByName(target.name) : groupOfVolume(journal, target);
