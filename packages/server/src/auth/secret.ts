import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';

const PREFIX = 'rt1';
const SECRET_BYTES = 32;
const ID_BYTES = 6;
const TOKEN = /^rt1\.([0-9a-f]{12})\.([A-Za-z0-9_-]{43})$/;

/** A token as its owner has it, taken apart. */
export interface TokenText {
  /** Public: names the token in lists and logs. */
  readonly id: string;
  readonly secret: string;
}

/** A new token: 256 random bits behind a random public id. */
export const newTokenText = (): TokenText => ({
  id: randomBytes(ID_BYTES).toString('hex'),
  secret: randomBytes(SECRET_BYTES).toString('base64url'),
});

/** `rt1.ID.SECRET`, what goes into `Authorization: Bearer`. */
export const formatToken = ({ id, secret }: TokenText): string => `${PREFIX}.${id}.${secret}`;

/** Takes a token apart; undefined for what is none. */
export const parseToken = (text: string): TokenText | undefined => {
  const match = TOKEN.exec(text);
  return match === null ? undefined : { id: match[1]!, secret: match[2]! };
};

/**
 * What is stored of a token. A plain SHA-256 is right for 256 random bits: there is no dictionary
 * to try, so nothing is won by a slow hash.
 */
export const hashSecret = (secret: string): Buffer => createHash('sha256').update(secret).digest();

/** Compares in a time that does not depend on where the two differ. */
export const isSecret = (secret: string, hash: Buffer): boolean =>
  timingSafeEqual(hashSecret(secret), hash);
