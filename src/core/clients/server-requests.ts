/** What a server asks of its client in the revisions up to 2025-11-25: elicitation, sampling, roots. */
export interface ServerRequest {
  readonly method: string;
  readonly params: Readonly<Record<string, unknown>>;
}

/** Who answers requests of servers; without one, mcpx declares no capabilities and refuses them. */
export interface ServerRequests {
  /** What is declared to servers at `initialize`. */
  readonly capabilities: Readonly<Record<string, object>>;
  /** @throws what the server is to be answered */
  answer(serverId: string, request: ServerRequest, signal: AbortSignal): Promise<Record<string, unknown>>;
}
