/** A plain HTTP answer beside MCP. */
export interface Page {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

/** What the HTTP side of a server is doing. */
export interface HttpLoad {
  readonly sessions: number;
  readonly inFlight: number;
  readonly isDraining: boolean;
  /** Whether the one who asks has the token, or none is needed. */
  readonly isAuthorized: boolean;
}

/** Pages that a server answers to GET and HEAD, by path. */
export type Pages = Readonly<
  Record<
    string,
    {
      /** Answered without the token too. */
      readonly isOpen?: boolean;
      readonly answer: (load: HttpLoad) => Page;
    }
  >
>;
