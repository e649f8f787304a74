// Links of a document in Markdown that lead nowhere: to files that are not there, or to headings that their file has not.

import { existsSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";

/** The relative links of a document, as "README.md: docs/none.md", whose files or headings are not in the folder. */
export function brokenLinks(folder: string, document: string): string[] {
  const text = withoutCode(readFileSync(join(folder, document), "utf8"));
  const links = [...text.matchAll(/\]\(([^()\s]+)\)/g)].map(([, link = ""]) => link);
  return links.filter((link) => isBroken(folder, document, link)).map((link) => `${document}: ${link}`);
}

function isBroken(folder: string, document: string, link: string): boolean {
  if (/^[a-z]+:/i.test(link)) return false;
  const [path = "", heading] = link.split("#");
  const target = path === "" ? join(folder, document) : join(folder, dirname(document), path);
  if (relative(folder, target).startsWith("..") || !existsSync(target)) return true;
  if (heading === undefined || !target.endsWith(".md")) return false;
  const headings = withoutCode(readFileSync(target, "utf8")).matchAll(/^#+ (.+)$/gm);
  return ![...headings].some(([, title = ""]) => slug(title) === heading);
}

/** The name that readers of Markdown give a heading. */
function slug(title: string): string {
  return title
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, "")
    .replaceAll(" ", "-");
}

function withoutCode(text: string): string {
  return text.replace(/^```[\s\S]*?^```$/gm, "");
}
