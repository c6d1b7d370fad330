import { DEFAULT_SERVER_URL } from '../client/server-url.js';
import type { DemoSettings } from './settings.js';
import type { Chapter } from './story.js';

export interface GuideFacts {
  readonly settings: DemoSettings;
  readonly http: string;
  readonly nbd: string;
  readonly agentUri: string;
  /** At least one. */
  readonly chapters: readonly Chapter[];
}

const showCommand = ({ fullName, textOffset }: DemoSettings, { text, time }: Chapter): string => {
  const length = Buffer.byteLength(text) + 1;
  return `export ${fullName}@${time} - --offset ${textOffset} --length ${length}`;
};

/** What to try next. */
export const guideText = ({ settings, http, nbd, agentUri, chapters }: GuideFacts): string => {
  const first = chapters[0]!;
  const last = chapters.at(-1)!;
  const { fullName, textOffset, data } = settings;
  const elsewhere = http === DEFAULT_SERVER_URL ? '' : ` --server ${http}`;
  const line = (command: string): string => `npx retrace ${command}${elsewhere}`;
  return `
Retrace is running. The disk image ${settings.imagePath} is protected as ${fullName}:
a text at byte ${textOffset} of it has just been overwritten twice, a second apart.

Read the disk as it was at two different instants:

  ${line(showCommand(settings, first))}
  ${line(showCommand(settings, last))}

Look around:

  ${line('status')}
  ${line(`timeline ${fullName}`)}
  ${line(`resolve ${fullName}@-2s`)}

Use it:

  server, HTTP         ${http}
  any instant, NBD     ${nbd}/${fullName}@${first.time}
  write to the disk    ${agentUri}
  mount an instant     sudo ${line(`mount ${fullName}@${first.time} /mnt`)}
                       (once a filesystem is on it; the README has a five-minute tour)

Everything lies in ${data}. Ctrl-C stops it; the next start goes on with the same history.
`;
};
