import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A request as the fake server got it. */
export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly authorization: string | undefined;
  readonly body: unknown;
}

/** What it answers: a value as JSON, or lines, or the response handled by the test itself. */
export type Reply =
  | { readonly status?: number; readonly json: unknown }
  | { readonly lines: readonly unknown[] }
  | { readonly raw: (response: ServerResponse) => void };

const readBody = async (request: IncomingMessage): Promise<unknown> => {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  const text = Buffer.concat(chunks).toString('utf8');
  return text === '' ? undefined : (JSON.parse(text) as unknown);
};

/** A journal server that answers what a test wants, by `METHOD /path`. */
export class FakeServer {
  readonly requests: SeenRequest[] = [];
  readonly routes = new Map<string, Reply | ((request: SeenRequest) => Reply)>();
  readonly #server: Server;

  private constructor() {
    this.#server = createServer((request, response) => void this.#answer(request, response));
  }

  static async start(): Promise<FakeServer> {
    const fake = new FakeServer();
    await new Promise<void>((resolve) => {
      fake.#server.listen(0, '127.0.0.1', resolve);
    });
    return fake;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', this.url);
    const seen: SeenRequest = {
      method: request.method ?? '',
      path: url.pathname,
      query: Object.fromEntries(url.searchParams),
      authorization: request.headers.authorization,
      body: await readBody(request),
    };
    this.requests.push(seen);
    const route = this.routes.get(`${seen.method} ${seen.path}`);
    const reply = typeof route === 'function' ? route(seen) : route;
    if (reply === undefined) {
      response.writeHead(404, { 'content-type': 'application/json' });
      response.end('{"error":{"code":"ROUTE_UNKNOWN","message":"no route","exit":1}}');
    } else if ('raw' in reply) {
      reply.raw(response);
    } else if ('lines' in reply) {
      response.writeHead(200, { 'content-type': 'application/x-ndjson' });
      for (const line of reply.lines) response.write(`${JSON.stringify(line)}\n`);
      response.end();
    } else {
      response.writeHead(reply.status ?? 200, { 'content-type': 'application/json' });
      response.end(JSON.stringify(reply.json));
    }
  }
}
