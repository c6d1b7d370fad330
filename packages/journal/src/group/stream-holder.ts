/** The agent that may append to a group: one run of it, known by its random ids. */
export interface StreamHolder {
  readonly epoch: number;
  /** New with every start of the agent. */
  readonly instanceId: string;
  /** Kept as long as the agent's state is continuous. */
  readonly sessionId: string;
}
