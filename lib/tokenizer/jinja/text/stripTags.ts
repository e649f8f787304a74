// Texts of HTML without tags and entities.

import { splitSpace } from "./strip.js";

/** The names that are common in texts; others stay as they are. */
const NAMED: Readonly<Record<string, string>> = {
  ...{ amp: "&", lt: "<", gt: ">", quot: '"', apos: "'", nbsp: "\u00a0", copy: "©", reg: "®", trade: "™" },
  ...{ hellip: "…", mdash: "—", ndash: "–", lsquo: "‘", rsquo: "’", ldquo: "“", rdquo: "”", laquo: "«", raquo: "»" },
  ...{ bull: "•", middot: "·", euro: "€", pound: "£", yen: "¥", cent: "¢", sect: "§", para: "¶", deg: "°", times: "×" },
};
/** Those that need no semicolon. */
const WITHOUT_END = /^(?:amp|lt|gt|quot|nbsp|copy|reg|laquo|raquo|middot|pound|yen|cent|sect|para|deg|times)/;
const ENTITY = /&(?:#(\d+);?|#[xX]([\da-fA-F]+);?|([A-Za-z]+)(;?))/g;

export function unescapeHtml(text: string): string {
  return text.replace(ENTITY, (whole, decimal?: string, hexadecimal?: string, name = "", end = "") => {
    if (decimal !== undefined) return character(Number.parseInt(decimal, 10));
    if (hexadecimal !== undefined) return character(Number.parseInt(hexadecimal, 16));
    const known = NAMED[name];
    if (known !== undefined && end !== "") return known;
    const [start] = WITHOUT_END.exec(name) ?? [];
    return start === undefined ? whole : (NAMED[start] ?? "") + name.slice(start.length) + end;
  });
}

function character(code: number): string {
  if (code === 0 || code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) return "\ufffd";
  return String.fromCodePoint(code);
}

/** Without tags and comments, with single spaces, and entities as what they stand for. */
export function stripTags(text: string): string {
  let made = "";
  let start = 0;
  for (let open = text.indexOf("<"); open >= 0; open = text.indexOf("<", start)) {
    const comment = text.startsWith("<!--", open);
    const close = comment ? text.indexOf("-->", open + 4) : text.indexOf(">", open);
    if (close < 0) break;
    made += text.slice(start, open);
    start = close + (comment ? 3 : 1);
  }
  return unescapeHtml(splitSpace(made + text.slice(start), -1).join(" "));
}
