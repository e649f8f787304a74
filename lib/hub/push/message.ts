// What is said to the hub, and what it answers, as data.

export interface SendRequest {
  readonly method: "GET" | "POST" | "PUT";
  readonly headers?: Readonly<Record<string, string>>;
  /** Made anew for each attempt; with its length in bytes, which some hosts want to know first. */
  readonly body?: (() => { readonly content: Buffer | AsyncIterable<Uint8Array>; readonly bytes: number }) | undefined;
  /** For messages: what is done to what. */
  readonly what: string;
  /** Statuses from 400 on that the caller knows what to do with. */
  readonly answers?: readonly number[];
  /** Without a token, also to the hub: for addresses that are signed. */
  readonly signed?: boolean;
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  /** What the answer says, where it is JSON. */
  readonly value: unknown;
}

/** Headers and body of JSON that is sent. */
export function jsonBody(text: string, type = "application/json"): Required<Pick<SendRequest, "headers" | "body">> {
  const content = Buffer.from(text);
  return { headers: { "content-type": type }, body: () => ({ content, bytes: content.length }) };
}
