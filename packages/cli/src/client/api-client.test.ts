import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FakeServer } from '../testing/fake-server.js';
import { ApiClient } from './api-client.js';

describe('ApiClient', () => {
  let server: FakeServer;
  const client = (token?: string) =>
    new ApiClient({
      url: new URL(server.url),
      timeoutMs: 500,
      ...(token === undefined ? {} : { token }),
    });

  beforeEach(async () => {
    server = await FakeServer.start();
  });
  afterEach(() => server.close());

  it('sends the token and only the parameters that are there', async () => {
    server.routes.set('GET /v1/x', { json: { a: 1 } });
    expect(await client('secret').get('/v1/x', { b: 'ä&=', c: undefined })).toEqual({ a: 1 });
    expect(server.requests).toMatchObject([
      { authorization: 'Bearer secret', query: { b: 'ä&=' } },
    ]);
  });

  it('hands on errors in the words of the server, also codes it does not know', async () => {
    const error = { code: 'OF_THE_FUTURE', message: 'no', exit: 3, details: { a: 1 } };
    server.routes.set('POST /v1/x', { status: 409, json: { error } });
    await expect(client().post('/v1/x', {})).rejects.toMatchObject(error);
  });

  it.each([
    ['an answer that is no JSON', 200, 'text', /something that is not JSON/],
    ['an error that is not ours', 502, '<html>', /status 502/],
  ])('takes %s for another program', async (_, status, text, message) => {
    server.routes.set('GET /v1/x', { raw: (response) => response.writeHead(status).end(text) });
    await expect(client().get('/v1/x')).rejects.toMatchObject({
      code: 'SERVER_UNREACHABLE',
      message: expect.stringMatching(message) as string,
    });
  });

  it('does not wait for ever', async () => {
    server.routes.set('GET /v1/x', { raw: () => {} });
    await expect(client().get('/v1/x')).rejects.toMatchObject({
      code: 'SERVER_UNREACHABLE',
      message: expect.stringMatching(/no answer within 0.5 s/) as string,
    });
  });

  it('names a refused connection', async () => {
    const { url } = server;
    await server.close();
    const gone = new ApiClient({ url: new URL(url) });
    await expect(gone.get('/v1/x')).rejects.toMatchObject({
      code: 'SERVER_UNREACHABLE',
      exit: 4,
      message: expect.stringMatching(/connection refused/) as string,
    });
    server = await FakeServer.start();
  });

  it('reads lines as they come, however they are cut', async () => {
    server.routes.set('POST /v1/x', {
      raw: (response) => {
        response.writeHead(200);
        response.write('{"n":1}\n\n{"n"');
        setImmediate(() => response.end(':2}\n{"n":3}'));
      },
    });
    const seen: unknown[] = [];
    for await (const line of client().postLines('/v1/x', {})) seen.push(line);
    expect(seen).toEqual([{ n: 1 }, { n: 2 }, { n: 3 }]);
  });

  it('ends lines with the error one of them carries', async () => {
    const error = { code: 'CORRUPTION', message: 'bad', exit: 1 };
    server.routes.set('POST /v1/x', { lines: [{ n: 1 }, { error }] });
    const read = async () => {
      for await (const line of client().postLines('/v1/x', {})) expect(line).toEqual({ n: 1 });
    };
    await expect(read()).rejects.toMatchObject(error);
  });
});
