import { type Clock, formatTime, isCount, isName, RetraceError } from '@retrace/core';
import { type Caller, isRole, type Role } from './roles.js';
import { formatToken, hashSecret, isSecret, newTokenText, parseToken } from './secret.js';

const KIND = 'token';

/** The part of the journal's metadata that tokens need: small durable maps by kind and id. */
export interface TokenCatalog {
  list(kind: string): readonly { readonly id: string; readonly value: TokenFields }[];
  set(kind: string, id: string, value: TokenFields): Promise<void>;
}

type TokenFields = Readonly<Record<string, unknown>>;

/** What is kept of a token. Its secret is not among it, only the hash. */
export interface TokenInfo {
  readonly id: string;
  readonly role: Role;
  readonly machine: string | undefined;
  readonly createdUs: number;
  readonly lastUsedUs: number | undefined;
  readonly revokedUs: number | undefined;
}

interface StoredToken extends TokenInfo {
  readonly hash: Buffer;
}

/** A new token; `token` is shown this once and cannot be had again. */
export interface CreatedToken {
  readonly id: string;
  readonly token: string;
  readonly role: Role;
  readonly machine: string | undefined;
}

export interface TokenStoreOptions {
  readonly catalog: TokenCatalog;
  readonly clock: Clock;
  /** A token's last use is written down at most so often. */
  readonly useWriteMs: number;
  readonly tokensMax: number;
}

/** Told when a token was revoked, and when the first one made tokens a must. */
export interface TokenListener {
  tokenRevoked(id: string): void;
  tokensRequired(): void;
}

/**
 * The tokens of a server, hashed at rest. Works without a running server, on a journal opened by
 * the command line. Revoked tokens stay known: once there was a token, every request needs one.
 */
export class TokenStore {
  readonly #options: TokenStoreOptions;
  readonly #tokens = new Map<string, StoredToken>();
  /** Entries that cannot be read: nobody can use them, but there have been tokens. */
  readonly #unreadable: string[] = [];
  /** Last uses that are not written down yet. */
  readonly #used = new Map<string, number>();
  #writes: Promise<unknown> = Promise.resolve();
  #listener: TokenListener | undefined;

  constructor(options: TokenStoreOptions) {
    this.#options = options;
    for (const { id, value } of options.catalog.list(KIND)) {
      const token = readToken(id, value);
      if (token === undefined) this.#unreadable.push(id);
      else this.#tokens.set(id, token);
    }
  }

  /** True from the first token on, also when all were revoked. */
  get required(): boolean {
    return this.#tokens.size + this.#unreadable.length > 0;
  }

  /** Ids of entries that cannot be read: damage. */
  get unreadable(): readonly string[] {
    return this.#unreadable;
  }

  set listener(listener: TokenListener) {
    this.#listener = listener;
  }

  /**
   * Makes a token; durable when the promise resolves.
   * @param machine - the one machine it is for; undefined: all
   * @throws RetraceError NAME_INVALID, CONFIG_INVALID when there are too many
   */
  async create(role: Role, machine: string | undefined): Promise<CreatedToken> {
    if (machine !== undefined && !isName(machine)) {
      throw new RetraceError('NAME_INVALID', `"${machine}" is not a machine name`);
    }
    if (this.#tokens.size >= this.#options.tokensMax) {
      throw new RetraceError(
        'CONFIG_INVALID',
        `there are ${this.#tokens.size} tokens, revoked ones counted, and that is the limit`,
      );
    }
    const text = newTokenText();
    const token: StoredToken = {
      id: text.id,
      role,
      machine,
      hash: hashSecret(text.secret),
      createdUs: this.#options.clock.nowUs(),
      lastUsedUs: undefined,
      revokedUs: undefined,
    };
    const isFirst = !this.required;
    await this.#put(token);
    if (isFirst) this.#listener?.tokensRequired();
    return { id: text.id, token: formatToken(text), role, machine };
  }

  /** All tokens, revoked ones too, oldest first. */
  list(): readonly TokenInfo[] {
    return [...this.#tokens.values()]
      .map((token) => ({ ...token, lastUsedUs: this.#used.get(token.id) ?? token.lastUsedUs }))
      .sort((a, b) => a.createdUs - b.createdUs);
  }

  /**
   * Revokes a token for good; once more does nothing. Its sessions are closed when this resolves.
   * @throws RetraceError TOKEN_UNKNOWN
   */
  async revoke(id: string): Promise<TokenInfo> {
    if (!this.#tokens.has(id)) {
      throw new RetraceError('TOKEN_UNKNOWN', `there is no token ${id}: see retrace token list`);
    }
    const revokedUs = this.#options.clock.nowUs();
    const revoked = await this.#update(id, (token) =>
      token.revokedUs === undefined ? { ...token, revokedUs } : undefined,
    );
    this.#listener?.tokenRevoked(id);
    return revoked;
  }

  /**
   * Who sends a request with this `Authorization` header.
   * @throws RetraceError TOKEN_MISSING, TOKEN_INVALID
   */
  authenticate(authorization: string | undefined): Caller {
    if (!this.required) return { kind: 'open' };
    if (authorization === undefined) {
      throw new RetraceError(
        'TOKEN_MISSING',
        'this server wants a token: send "Authorization: Bearer TOKEN" (retrace token create)',
      );
    }
    const bearer = /^Bearer +(\S+)$/i.exec(authorization)?.[1];
    const text = bearer === undefined ? undefined : parseToken(bearer);
    const token = text === undefined ? undefined : this.#tokens.get(text.id);
    if (text === undefined || token === undefined || !isSecret(text.secret, token.hash)) {
      throw new RetraceError(
        'TOKEN_INVALID',
        'this server knows no such token: make one with retrace token create',
      );
    }
    if (token.revokedUs !== undefined) {
      const when = formatTime(token.revokedUs);
      throw new RetraceError('TOKEN_INVALID', `token ${token.id} was revoked at ${when}`);
    }
    this.#noteUse(token);
    return { kind: 'token', tokenId: token.id, role: token.role, machine: token.machine };
  }

  /** Writes down last uses that are not yet. Call it now and then, and at the end. */
  async flush(): Promise<void> {
    const used = [...this.#used];
    this.#used.clear();
    for (const [id, lastUsedUs] of used) {
      await this.#update(id, (token) => ({ ...token, lastUsedUs }));
    }
  }

  /** A use soon after one that is known is not worth a write: it stays as it is. */
  #noteUse(token: StoredToken): void {
    const nowUs = this.#options.clock.nowUs();
    const knownUs = token.lastUsedUs ?? 0;
    if (nowUs - knownUs >= this.#options.useWriteMs * 1000) this.#used.set(token.id, nowUs);
  }

  /**
   * Changes a token, one change after the other: a use that is written down must not undo a
   * revocation that came between.
   */
  #update(
    id: string,
    change: (token: StoredToken) => StoredToken | undefined,
  ): Promise<StoredToken> {
    const run = this.#writes.then(async () => {
      const before = this.#tokens.get(id)!;
      const after = change(before);
      if (after === undefined) return before;
      await this.#put(after);
      return after;
    });
    this.#writes = run.catch(() => undefined);
    return run;
  }

  async #put(token: StoredToken): Promise<void> {
    await this.#options.catalog.set(KIND, token.id, {
      role: token.role,
      machine: token.machine ?? '',
      hash: token.hash.toString('hex'),
      createdUs: token.createdUs,
      lastUsedUs: token.lastUsedUs ?? 0,
      revokedUs: token.revokedUs ?? 0,
    });
    this.#tokens.set(token.id, token);
  }
}

const readToken = (id: string, fields: TokenFields): StoredToken | undefined => {
  const { role, machine, hash, createdUs, lastUsedUs, revokedUs } = fields;
  const whole =
    isRole(role) &&
    typeof machine === 'string' &&
    typeof hash === 'string' &&
    /^[0-9a-f]{64}$/.test(hash) &&
    isCount(createdUs) &&
    isCount(lastUsedUs) &&
    isCount(revokedUs);
  if (!whole) return undefined;
  return {
    id,
    role,
    machine: machine === '' ? undefined : machine,
    hash: Buffer.from(hash, 'hex'),
    createdUs,
    lastUsedUs: lastUsedUs === 0 ? undefined : lastUsedUs,
    revokedUs: revokedUs === 0 ? undefined : revokedUs,
  };
};
