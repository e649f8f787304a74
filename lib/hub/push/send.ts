// Requests that change something on the hub, and those that bring large files to the host that it names. The token goes with a
// request whose first address is the hub's, and never to where another host leads.

import { RetemperError } from "../../errors.js";
import { leave, orAborted } from "../aborting.js";
import { bodyOf, unreachable, waitAsked } from "../request.js";
import type { HubSettings } from "../settings.js";
import { ATTEMPTS, connectionProblem, inTries, type Problem } from "../tries.js";
import type { Answer, SendRequest } from "./message.js";
import { refused } from "./refused.js";

/**
 * Sends until there is an answer that means something: 429, 5xx and broken connections are tried again.
 * @throws RetemperError NETWORK
 */
export async function send(url: URL, request: SendRequest, settings: HubSettings): Promise<Answer> {
  const attempt = async () => {
    const outcome = await sendOnce(url, request, settings);
    return "status" in outcome ? { value: outcome } : outcome;
  };
  const failure = (problem: string) =>
    unreachable(`${request.what}: ${url.host} did not do it: ${problem}, ${ATTEMPTS} times.`);
  return inTries(attempt, { host: url.host, failure }, settings);
}

/**
 * Sends one time, for what is not to be done twice: of a problem nobody knows what came of it.
 * @throws RetemperError NETWORK where the hub refuses
 */
export async function sendOnce(url: URL, request: SendRequest, settings: HubSettings): Promise<Answer | Problem> {
  let answer: Answer;
  try {
    answer = await follow(url, request, settings);
  } catch (error) {
    settings.signal?.throwIfAborted();
    if (error instanceof RetemperError) throw error;
    return { problem: connectionProblem(error) };
  }
  const { status } = answer;
  if (status < 400 || request.answers?.includes(status)) return answer;
  if (status === 429 || status >= 500) return { problem: `it answered ${status}`, pause: waitAsked(answer) };
  throw refused(url, answer, request, settings);
}

const MOST_REDIRECTS = 5;

async function follow(url: URL, request: SendRequest, settings: HubSettings): Promise<Answer> {
  const home = url.origin === settings.endpoint.origin;
  let target = url;
  for (let redirects = 0; redirects <= MOST_REDIRECTS; redirects++) {
    const response = await ask(target, request, settings, home && request.signed !== true);
    const location = response.headers.get("location");
    if (response.status < 300 || response.status >= 400 || location === null) return answerOf(response, settings);
    await response.body?.cancel();
    const next = new URL(location, target);
    // 307 and 308 alone say that the same is to be sent there; others would make another request of it.
    const same = request.method === "GET" || response.status === 307 || response.status === 308;
    if (!same || (home && next.origin !== url.origin) || (target.protocol === "https:" && next.protocol !== "https:")) {
      throw new RetemperError("NETWORK", `${request.what}: ${target.host} leads to ${next.host}: not followed.`, {
        hint: "HF_ENDPOINT must name a hub that takes what is pushed itself",
      });
    }
    target = next;
  }
  throw new RetemperError("NETWORK", `${request.what}: ${url.host} redirects in circles.`);
}

async function ask(target: URL, request: SendRequest, settings: HubSettings, token: boolean): Promise<Response> {
  const headers = new Headers(request.headers);
  headers.set("user-agent", "retemper");
  if (token && settings.token) headers.set("authorization", `Bearer ${settings.token}`);
  const body = request.body?.();
  if (body) headers.set("content-length", String(body.bytes));
  const { signal } = settings;
  const answer = fetch(target, {
    method: request.method,
    headers,
    redirect: "manual",
    signal: signal ?? null,
    // "half": what is sent is not held until it is known whole
    ...(body && { body: body.content as RequestInit["body"] & object, duplex: "half" }),
  });
  return orAborted(answer, signal, leave);
}

/** Far more than any answer about a push has. */
const LONGEST_ANSWER = 64 * 2 ** 20;

async function answerOf(response: Response, settings: HubSettings): Promise<Answer> {
  const body = await bodyOf(response, LONGEST_ANSWER, settings);
  const { status, headers } = response;
  return { status, headers, value: parsed(body.toString("utf8")) };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
