// What the test server can be told to do wrong, to which requests and how often.

import type { Reply } from "./call.js";

export type Host = "hub" | "storage" | "elsewhere";

export interface When {
  readonly host?: Host;
  readonly method?: string | RegExp;
  /** Of the path with its query. */
  readonly url?: string | RegExp;
  /** How many requests are met; 1 by default. */
  readonly times?: number;
  /** How many that would be met are let through first; 0 by default. */
  readonly after?: number;
  /** Only each so manieth of those that would be met. */
  readonly every?: number;
}

/** Exactly one of these. */
export interface Does {
  /** Answers this, and does nothing of what was asked. */
  readonly answer?: number | Reply;
  /** Leads to this address. */
  readonly redirect?: string;
  /** Breaks the connection after so many bytes of the answer's body. */
  readonly cutAnswer?: number;
  /** Breaks the connection after so many bytes of the request's body; nothing of it is done. */
  readonly cutRequest?: number;
  /** Takes the request's body with one byte changed, or with so many bytes missing at its end. */
  readonly corruptRequest?: number;
  readonly shortenRequest?: number;
  /** Does what was asked and breaks the connection before it says so. */
  readonly loseAnswer?: true;
  /** Leaves so many bytes out at the end and calls it whole. */
  readonly shorten?: number;
  /** Changes one byte of the body, at this place. */
  readonly corrupt?: number;
  /** Says other headers than are true. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Replaces a piece of the body's text by another. */
  readonly reword?: readonly [string | RegExp, string];
  /** Sends so many bytes of the answer's body and then waits until the hub's `release` is called. */
  readonly hold?: number;
}

export type Fault = When & Does;

/** What is left of a fault. */
export interface Count {
  after: number;
  times: number;
  met: number;
}

/** The fault that this request meets, counted off. */
export function meets(faults: Fault[], left: Map<Fault, Count>, seen: Asked): Does | undefined {
  for (const fault of faults) {
    if (!fits(fault, seen)) continue;
    const count = left.get(fault) ?? { after: fault.after ?? 0, times: fault.times ?? 1, met: 0 };
    left.set(fault, count);
    if (count.after > 0) count.after -= 1;
    else if (fault.every !== undefined && ++count.met % fault.every !== 0) continue;
    else if (count.times > 0) {
      count.times -= 1;
      return fault;
    }
  }
  return undefined;
}

interface Asked {
  readonly host: Host;
  readonly method: string;
  readonly url: string;
}

function fits({ host, method, url }: When, asked: Asked): boolean {
  const is = (wanted: string | RegExp | undefined, text: string) =>
    wanted === undefined || (typeof wanted === "string" ? text === wanted : wanted.test(text));
  return (host === undefined || host === asked.host) && is(method, asked.method) && is(url, asked.url);
}
