import { RetraceError } from '@retrace/core';

const LINE_LENGTH_MAX = 16 * 1024 * 1024;

/**
 * The lines of an answer as they arrive, without empty ones.
 * @throws RetraceError FRAME_TOO_LARGE for a line over 16 MiB
 */
export async function* readLines(response: Response): AsyncGenerator<string> {
  if (response.body === null) return;
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of response.body as AsyncIterable<Uint8Array>) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
    rest = lines.pop() ?? '';
    if (rest.length > LINE_LENGTH_MAX) {
      throw new RetraceError('FRAME_TOO_LARGE', 'the server sent a line over 16 MiB');
    }
    for (const line of lines) if (line.trim() !== '') yield line;
  }
  rest += decoder.decode();
  if (rest.trim() !== '') yield rest;
}
