/** The client that a scenario is about, as its script drives it. */
export interface Peer extends AsyncDisposable {
  listTools(): Promise<readonly ListedTool[]>;
  callTool(name: string, args: Readonly<Record<string, unknown>>): Promise<unknown>;
  listResources(): Promise<readonly { readonly uri: string }[]>;
  readResource(uri: string): Promise<unknown>;
  listPrompts(): Promise<readonly { readonly name: string }[]>;
  getPrompt(name: string): Promise<unknown>;
}

export interface ListedTool {
  readonly name: string;
  readonly inputSchema: unknown;
}

/** Connects to a scenario's server. @param revision  what the suite says that the run is about */
export type ConnectPeer = (url: string, revision: string) => Promise<Peer>;
