import { EXIT, RetraceError } from '@retrace/core';
import { type JsonMap, mapField, mapOf, numberField, textField } from './fields.js';
import { readLines } from './lines.js';
import { ServerError } from './server-error.js';

/** How to reach a server. */
export interface ApiClientOptions {
  readonly url: URL;
  readonly token?: string;
  /** From sending the request to having the whole answer. Default 30 s. */
  readonly timeoutMs?: number;
}

const TIMEOUT_MS_DEFAULT = 30_000;
const NOT_REACHED = new Set(['UND_ERR_SOCKET', 'UND_ERR_CONNECT_TIMEOUT', 'EPIPE', 'EAI_AGAIN']);

/** The HTTP API of a journal server, as the commands use it. */
export class ApiClient {
  readonly url: URL;
  readonly #token: string | undefined;
  readonly #timeoutMs: number;

  constructor({ url, token, timeoutMs = TIMEOUT_MS_DEFAULT }: ApiClientOptions) {
    this.url = url;
    this.#token = token;
    this.#timeoutMs = timeoutMs;
  }

  /**
   * GET of `path`, with the parameters that are not undefined.
   * @throws RetraceError SERVER_UNREACHABLE; ServerError for whatever the server refuses
   */
  async get(path: string, query: Readonly<Record<string, string | undefined>> = {}) {
    return this.#json('GET', path, undefined, query);
  }

  /** POST of a JSON body. @throws as `get` */
  async post(path: string, body: object): Promise<unknown> {
    return this.#json('POST', path, body);
  }

  /** DELETE of a resource. @throws as `get` */
  async delete(path: string): Promise<unknown> {
    return this.#json('DELETE', path);
  }

  /**
   * POST whose answer is a stream of JSON lines. It may take as long as the server keeps sending.
   * @throws as `get`; also for a line that carries an error
   */
  async *postLines(path: string, body: object): AsyncGenerator<JsonMap> {
    const response = await this.#send('POST', path, body, {}, undefined);
    try {
      for await (const line of readLines(response)) {
        const map = mapOf(parseJson(line));
        if (map === undefined) throw this.#notOurs(`a line that is no JSON object`);
        if (map.error !== undefined) throw toServerError(map, response.status);
        yield map;
      }
    } catch (error) {
      throw this.#translate(error);
    }
  }

  async #json(
    method: string,
    path: string,
    body?: object,
    query: Readonly<Record<string, string | undefined>> = {},
  ): Promise<unknown> {
    const signal = AbortSignal.timeout(this.#timeoutMs);
    const response = await this.#send(method, path, body, query, signal);
    try {
      const text = await response.text();
      if (text === '') return undefined;
      const value = parseJson(text);
      if (value === undefined) throw this.#notOurs('something that is not JSON');
      return value;
    } catch (error) {
      throw this.#translate(error);
    }
  }

  async #send(
    method: string,
    path: string,
    body: object | undefined,
    query: Readonly<Record<string, string | undefined>>,
    signal: AbortSignal | undefined,
  ): Promise<Response> {
    const headers: Record<string, string> = { accept: 'application/json' };
    if (this.#token !== undefined) headers.authorization = `Bearer ${this.#token}`;
    if (body !== undefined) headers['content-type'] = 'application/json';
    let response: Response;
    try {
      response = await fetch(this.#address(path, query), {
        method,
        headers,
        redirect: 'error',
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        ...(signal === undefined ? {} : { signal }),
      });
    } catch (error) {
      throw this.#translate(error);
    }
    if (response.ok) return response;
    const answer = mapOf(parseJson(await response.text().catch(() => '')));
    if (mapField(answer, 'error') !== undefined) throw toServerError(answer, response.status);
    throw this.#notOurs(`status ${response.status} and no Retrace error`);
  }

  #address(path: string, query: Readonly<Record<string, string | undefined>>): URL {
    const url = new URL(this.url);
    url.pathname = `${this.url.pathname.replace(/\/$/, '')}${path}`;
    for (const [name, value] of Object.entries(query)) {
      if (value !== undefined) url.searchParams.set(name, value);
    }
    return url;
  }

  #notOurs(what: string): RetraceError {
    return new RetraceError(
      'SERVER_UNREACHABLE',
      `${this.url.origin} answered ${what}: something else than a Retrace server listens there; ` +
        'give the right address with --server',
    );
  }

  #translate(error: unknown): unknown {
    if (error instanceof RetraceError || error instanceof ServerError) return error;
    return new RetraceError(
      'SERVER_UNREACHABLE',
      `no server answers at ${this.url.origin} (${this.#reason(error)}): start it with ` +
        '"retrace server", or give its address with --server or RETRACE_SERVER',
      { cause: error },
    );
  }

  #reason(error: unknown): string {
    if (error instanceof DOMException && error.name === 'TimeoutError') {
      return `no answer within ${this.#timeoutMs / 1000} s`;
    }
    const { cause } = error instanceof Error ? error : { cause: undefined };
    const code = textField(mapOf(cause), 'code');
    if (code === 'ECONNREFUSED') return 'connection refused';
    if (code === 'ENOTFOUND') return 'unknown host';
    if (code !== undefined && !NOT_REACHED.has(code)) return code;
    if (cause instanceof Error && cause.message !== '') return cause.message;
    return error instanceof Error ? error.message : String(error);
  }
}

const parseJson = (text: string): unknown => {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
};

const toServerError = (answer: JsonMap | undefined, status: number): ServerError => {
  const error = mapField(answer, 'error');
  const exit = numberField(error, 'exit') ?? (status >= 500 ? EXIT.failed : EXIT.refused);
  return new ServerError(
    textField(error, 'code') ?? 'INTERNAL',
    textField(error, 'message') ?? `the server answered with status ${status}`,
    exit,
    mapField(error, 'details'),
  );
};
