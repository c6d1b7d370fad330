import { RetraceError } from '@retrace/core';

/**
 * What a token is for. `agent` appends to its own machine's history and can read nothing; the
 * others include each other: an admin may what an operator may, an operator what a viewer may.
 */
export const ROLES = ['agent', 'viewer', 'operator', 'admin'] as const;
export type Role = (typeof ROLES)[number];

/** The roles of the HTTP API, weakest first. */
const RANK: Readonly<Record<Role, number>> = { agent: 0, viewer: 1, operator: 2, admin: 3 };

export const isRole = (text: unknown): text is Role => ROLES.some((role) => role === text);

/** Who asks. */
export type Caller =
  /** The server has no tokens yet: everyone who reaches it may do everything. */
  | { readonly kind: 'open' }
  | {
      readonly kind: 'token';
      readonly tokenId: string;
      readonly role: Role;
      /** The one machine the token is for; undefined: all. */
      readonly machine: string | undefined;
    };

const refuse = (message: string): never => {
  throw new RetraceError('TOKEN_ROLE', message);
};

/**
 * Checks that the caller has a role of the HTTP API, or a stronger one.
 * @throws RetraceError TOKEN_ROLE
 */
export const requireRole = (caller: Caller, role: Role): void => {
  if (caller.kind === 'open' || RANK[caller.role] >= RANK[role]) return;
  refuse(`this needs a token of role ${role}; this one's role is ${caller.role}`);
};

/** True when the caller's scope covers a machine (or a group, which has a machine's name). */
export const covers = (caller: Caller, machine: string): boolean =>
  caller.kind === 'open' || caller.machine === undefined || caller.machine === machine;

/** @throws RetraceError TOKEN_ROLE when the token is for another machine */
export const requireMachine = (caller: Caller, machine: string): void => {
  if (!covers(caller, machine)) refuse(`this token is not for machine ${machine}`);
};

/** Checks that the caller's scope is the whole server. @throws RetraceError TOKEN_ROLE */
export const requireUnscoped = (caller: Caller): void => {
  if (caller.kind === 'token' && caller.machine !== undefined) {
    refuse(`this concerns all machines; this token is for ${caller.machine} only`);
  }
};

/** Checks that the caller may open an agent's session. @throws RetraceError TOKEN_ROLE */
export const requireAgent = (caller: Caller): void => {
  if (caller.kind === 'token' && caller.role !== 'agent') {
    refuse(`an agent needs a token of role agent; this one's role is ${caller.role}`);
  }
};
