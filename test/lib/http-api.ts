/** An answer of the server that is an error, as its JSON has it. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly status: number;
  readonly code: string;
  readonly exit: number;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(status: number, body: unknown) {
    const error = (body as { error?: Record<string, unknown> } | undefined)?.error ?? {};
    super(`${status} ${String(error.code)}: ${String(error.message)}`);
    this.status = status;
    this.code = String(error.code);
    this.exit = Number(error.exit);
    this.details = (error.details ?? {}) as Readonly<Record<string, unknown>>;
  }
}

/** Whom to ask, and as whom. */
export interface ApiTarget {
  readonly http: string;
  readonly token?: string;
}

/** @throws ApiError for an answer that is no success */
export async function apiGet<T>(
  { http, token }: ApiTarget,
  path: string,
  query: Readonly<Record<string, string>> = {},
): Promise<T> {
  const url = new URL(path, http);
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
  return answer<T>(await fetch(url, { headers: bearer(token) }));
}

/** @throws ApiError for an answer that is no success */
export async function apiPost<T>(
  { http, token }: ApiTarget,
  path: string,
  body: object,
): Promise<T> {
  const headers = { 'content-type': 'application/json', ...bearer(token) };
  const options = { method: 'POST', headers, body: JSON.stringify(body) };
  return answer<T>(await fetch(new URL(path, http), options));
}

function bearer(token: string | undefined): Record<string, string> {
  return token === undefined ? {} : { authorization: `Bearer ${token}` };
}

async function answer<T>(response: Response): Promise<T> {
  const text = await response.text();
  let body: unknown;
  try {
    body = JSON.parse(text) as unknown;
  } catch {
    throw new Error(`no JSON, status ${response.status}: ${text.slice(0, 200)}`);
  }
  if (!response.ok) throw new ApiError(response.status, body);
  return body as T;
}
