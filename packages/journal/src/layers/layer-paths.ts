/** Where layers are kept: a file each, named by its number. */
export const LAYER_DIRECTORY = 'layers';

const NUMBER_DIGITS = 10;
const NAME = /^(\d{10})\.layer$/;

/** The id of a layer's entry in the catalog. */
export const layerName = (layer: number): string => String(layer).padStart(NUMBER_DIGITS, '0');

export const layerPath = (layer: number): string => `${LAYER_DIRECTORY}/${layerName(layer)}.layer`;

/** The number of a layer's file; undefined for another name. */
export const parseLayerFileName = (name: string): number | undefined => {
  const digits = NAME.exec(name)?.[1];
  return digits === undefined ? undefined : Number(digits);
};
