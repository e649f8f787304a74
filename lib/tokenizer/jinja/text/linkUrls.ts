// `urlize`: addresses in a text as links of HTML.

import type { Run } from "../values/value.js";
import { lengthOf, sliceOf } from "./codePoints.js";
import { escapeHtml } from "./escapeHtml.js";

const HTTP =
  /^(?:(?:https?:\/\/|www\.)(?:(?:[\p{L}\p{N}_%-]+\.)+)?(?:[a-z]{2,63}|xn--[\p{L}\p{N}_%]{2,59})|(?:[\p{L}\p{N}_%-]{2,63}\.)+(?:com|net|int|edu|gov|org|info|mil)|https?:\/\/(?:\p{Nd}{1,3}(?:\.\p{Nd}{1,3}){3}|\[(?:[\da-f]{0,4}:){2}(?:[\da-f]{0,4}:?){1,6}\]))(?::\p{Nd}{1,5})?(?:[/?#]\S*)?$/iu;
const EMAIL = /^\S+@[\p{L}\p{N}_][\p{L}\p{N}_.-]*\.[\p{L}\p{N}_]+$/u;

export interface Linking {
  /** The most characters of an address that are shown. */
  readonly limit: number | undefined;
  readonly rel: string;
  readonly target: string | undefined;
  readonly schemes: readonly string[];
}

export function linkUrls(run: Run, text: string, { limit, rel, target, schemes }: Linking): string {
  const show = (url: string): string =>
    limit !== undefined && lengthOf(url) > limit ? `${sliceOf(url, 0, limit)}...` : url;
  const attributes =
    (rel === "" ? "" : ` rel="${escapeHtml(run, rel).text}"`) +
    (target === undefined || target === "" ? "" : ` target="${escapeHtml(run, target).text}"`);
  const link = (address: string, shown: string, more = attributes): string =>
    `<a href="${address}"${more}>${shown}</a>`;
  run.budget.spendOn(text.length * 4);
  const words = escapeHtml(run, text).text.split(/(\s+)/);
  const linked = words.map((word) => {
    const { head, middle, tail } = parted(run, word);
    return head + linkOf(middle, link, show, schemes) + tail;
  });
  return run.budget.text(linked.join(""));
}

type Link = (address: string, shown: string, more?: string) => string;

function linkOf(word: string, link: Link, show: (url: string) => string, schemes: readonly string[]): string {
  if (HTTP.test(word)) {
    return link(/^https?:\/\//.test(word) ? word : `https://${word}`, show(word));
  }
  if (word.startsWith("mailto:") && EMAIL.test(word.slice(7))) return link(word, word.slice(7), "");
  const scheme = schemes.some((one) => word !== one && word.startsWith(one));
  if (
    word.includes("@") &&
    !word.startsWith("www.") &&
    !/^[@:]/.test(word) &&
    !word.includes(":") &&
    EMAIL.test(word)
  ) {
    return link(`mailto:${word}`, word, "");
  }
  return scheme ? link(word, word) : word;
}

/** A word without the brackets and stops around it. */
function parted(run: Run, word: string): { head: string; middle: string; tail: string } {
  const [head = ""] = /^(?:[(<]|&lt;)+/.exec(word) ?? [];
  let middle = word.slice(head.length);
  let tail = middle.slice(endOf(middle));
  middle = middle.slice(0, middle.length - tail.length);
  for (const [open, close] of [
    ["(", ")"],
    ["<", ">"],
    ["&lt;", "&gt;"],
  ] as const) {
    const opened = count(middle, open);
    if (opened <= count(middle, close)) continue;
    for (let left = Math.min(opened, count(tail, close)); left > 0; left -= 1) {
      run.budget.spendOn(tail.length);
      const end = tail.indexOf(close) + close.length;
      middle += tail.slice(0, end);
      tail = tail.slice(end);
    }
  }
  return { head, middle, tail };
}

/** Where the stops and closing brackets at the end of a word begin. */
function endOf(word: string): number {
  let end = word.length;
  for (;;) {
    if (end > 0 && ")>.,\n".includes(word.charAt(end - 1))) end -= 1;
    else if (word.endsWith("&gt;", end)) end -= 4;
    else return end;
  }
}

function count(text: string, part: string): number {
  return text.split(part).length - 1;
}
