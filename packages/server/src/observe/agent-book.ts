import type { AgentReport, StreamPosition, VolumeReport } from '@retrace/core';

/** What is known of a group's agent, now or as it was last seen. */
export interface AgentFacts {
  connected: boolean;
  /** Host and port it came from. */
  remote: string;
  software: string;
  /** When the state `connected` says began, by the server's clock. */
  sinceUs: number;
  /** When anything last came from it, by the server's clock. */
  heardUs: number;
  /** The agent ended its last session itself. */
  saidGoodbye: boolean;
  queuedBytes: number;
  queuedRecords: number;
  /** By volume name. */
  readonly volumes: Map<string, VolumeReport>;
  /** The newest watermark as it came, stored or not. */
  watermark: (StreamPosition & { readonly timeUs: number }) | undefined;
}

/** The agents of all groups, by group name. One entry per group that was ever registered. */
export class AgentBook {
  readonly #agents = new Map<string, AgentFacts>();

  get(group: string): AgentFacts | undefined {
    return this.#agents.get(group);
  }

  entries(): IterableIterator<[string, AgentFacts]> {
    return this.#agents.entries();
  }

  connected(group: string, remote: string, software: string, nowUs: number): AgentFacts {
    const facts: AgentFacts = {
      connected: true,
      remote,
      software,
      sinceUs: nowUs,
      heardUs: nowUs,
      saidGoodbye: false,
      queuedBytes: 0,
      queuedRecords: 0,
      volumes: this.#agents.get(group)?.volumes ?? new Map<string, VolumeReport>(),
      watermark: undefined,
    };
    this.#agents.set(group, facts);
    return facts;
  }
}

/** Takes over what an agent reports of the volumes it has named in its hello. */
export const noteReport = (
  facts: AgentFacts,
  report: AgentReport,
  isVolume: (name: string) => boolean,
): void => {
  facts.queuedBytes = report.queuedBytes;
  facts.queuedRecords = report.queuedRecords;
  for (const volume of report.volumes) {
    if (isVolume(volume.name)) facts.volumes.set(volume.name, volume);
  }
};
