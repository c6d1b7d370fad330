import { readFileSync } from 'node:fs';
import { mapOf, textField } from './client/fields.js';

const manifest = new URL('../package.json', import.meta.url);

/** Version of this program, out of its package. */
export const VERSION =
  textField(mapOf(JSON.parse(readFileSync(manifest, 'utf8')) as unknown), 'version') ?? '0.0.0';
