import { createHash } from 'node:crypto';
import type { TimeUs } from '@retrace/core';
import { expect, it } from 'vitest';
import { type TokenCatalog, TokenStore } from './token-store.js';

const memoryCatalog = (): TokenCatalog & { readonly entries: Map<string, object> } => {
  const entries = new Map<string, Readonly<Record<string, unknown>>>();
  return {
    entries,
    list: () => [...entries].map(([id, value]) => ({ id, value })),
    set: async (_kind, id, value) => {
      entries.set(id, value);
    },
  };
};

const open = (catalog: TokenCatalog, now = { us: 1_000_000_000 }): TokenStore =>
  new TokenStore({
    catalog,
    clock: { nowUs: () => now.us as TimeUs },
    ...{ useWriteMs: 60_000, tokensMax: 5 },
  });

const bearer = (token: string): string => `Bearer ${token}`;

it('keeps a hash of 256 random bits and never the token', async () => {
  const catalog = memoryCatalog();
  const created = await open(catalog).create('viewer', undefined);
  const [, , secret = ''] = created.token.split('.');
  expect(Buffer.from(secret, 'base64url')).toHaveLength(32);
  const stored = JSON.stringify([...catalog.entries]);
  expect(stored).not.toContain(secret);
  expect(stored).toContain(createHash('sha256').update(secret).digest('hex'));
});

it('knows its tokens again after a restart; revoked ones stay refused', async () => {
  const catalog = memoryCatalog();
  const store = open(catalog);
  expect(store.authenticate(undefined)).toEqual({ kind: 'open' });
  const kept = await store.create('operator', 'web-01');
  const gone = await store.create('admin', undefined);
  await store.revoke(gone.id);
  const again = open(catalog);
  expect(again.authenticate(bearer(kept.token))).toEqual({
    ...{ kind: 'token', tokenId: kept.id, role: 'operator', machine: 'web-01' },
  });
  expect(() => again.authenticate(bearer(gone.token))).toThrow('was revoked');
  expect(() => again.authenticate(undefined)).toThrow('wants a token');
  expect(() => again.authenticate('Basic x')).toThrow('no such token');
});

it('notes the last use, without undoing a revocation', async () => {
  const catalog = memoryCatalog();
  const now = { us: 1_000_000_000 };
  const store = open(catalog, now);
  const { id, token } = await store.create('viewer', undefined);
  now.us += 5_000_000;
  store.authenticate(bearer(token));
  await Promise.all([store.flush(), store.revoke(id)]);
  const [info] = open(catalog, now).list();
  expect(info).toMatchObject({ createdUs: 1_000_000_000, lastUsedUs: 1_005_000_000 });
  expect(info?.revokedUs).toBe(1_005_000_000);
});

it('still wants tokens when an entry is damaged, and names it', async () => {
  const catalog = memoryCatalog();
  const { id } = await open(catalog).create('admin', undefined);
  await catalog.set('token', id, { role: 'king' });
  const store = open(catalog);
  expect(store.required).toBe(true);
  expect(store.unreadable).toEqual([id]);
  expect(() => store.authenticate(undefined)).toThrow('wants a token');
});

it('refuses bad machine names, unknown ids and too many tokens', async () => {
  const store = open(memoryCatalog());
  await expect(store.create('agent', 'Web 01')).rejects.toMatchObject({ code: 'NAME_INVALID' });
  await expect(store.revoke('none')).rejects.toMatchObject({ code: 'TOKEN_UNKNOWN' });
  for (let i = 0; i < 5; i++) await store.create('viewer', undefined);
  await expect(store.create('viewer', undefined)).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
});
