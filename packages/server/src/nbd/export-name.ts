import {
  formatTarget,
  isMoving,
  parseVolumeInstant,
  RetraceError,
  type VolumeInstant,
  type VolumeName,
} from '@retrace/core';

const SCRATCH = 'scratch:';

/** What an export's name asks for. */
export interface ExportName {
  readonly kind: 'view' | 'scratch';
  readonly volume: VolumeName;
  readonly request: VolumeInstant['request'];
  /** It means something else a moment later: two connections would see two instants. */
  readonly moving: boolean;
}

/**
 * Reads `VOLUME@INSTANT`, `VOLUME` (its latest instant) or `scratch:VOLUME[@INSTANT]`.
 * @throws RetraceError NAME_INVALID, INSTANT_*, VOLUME_UNKNOWN for a clone
 */
export const parseExportName = (text: string): ExportName => {
  if (text === '') {
    throw new RetraceError(
      'VOLUME_UNKNOWN',
      'there is no default export: name a volume (MACHINE/NAME or MACHINE/NAME@INSTANT)',
    );
  }
  const scratch = text.startsWith(SCRATCH);
  const { volume, request } = parseVolumeInstant(scratch ? text.slice(SCRATCH.length) : text);
  if (volume.kind === 'clone') {
    throw new RetraceError(
      'VOLUME_UNKNOWN',
      'clones are not available in this version; scratch:VOLUME@INSTANT is writable for as long ' +
        'as its connection lasts',
    );
  }
  return { kind: scratch ? 'scratch' : 'view', volume, request, moving: isMoving(request) };
};

/** The name that means the same for ever: `VOLUME@seq:N`, `scratch:VOLUME@seq:N`. */
export const canonicalName = ({ kind, volume }: ExportName, seq: number): string =>
  `${kind === 'scratch' ? SCRATCH : ''}${formatTarget(volume)}@seq:${seq}`;
