/** One decoded piece of a stored file: plain data, to print or to put into JSON. */
export interface InspectedPart {
  /** Byte or key. */
  readonly at: string;
  readonly what:
    | 'format-file'
    | 'payload-header'
    | 'chunk'
    | 'catalog-version'
    | 'catalog-change'
    | 'catalog-end'
    | 'catalog-snapshot'
    | 'catalog-entry'
    | 'catalog-loss'
    | 'layer-header'
    | 'layer'
    | 'layer-volume'
    | 'layer-group'
    | 'layer-records'
    | 'damaged';
  readonly fields: Readonly<Record<string, unknown>>;
}
