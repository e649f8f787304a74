// Finds a file's address in a project's page of a simple package index: JSON (PEP 691) or HTML (PEP 503).

/** Servers that know JSON answer with it, the others with HTML. */
export const INDEX_ACCEPT = "application/vnd.pypi.simple.v1+json, text/html;q=0.5";

/**
 * @param body the page as the server sent it
 * @param type its Content-Type
 * @param page its own address, after redirects: links are relative to it
 * @returns the address of `file`, without a fragment; undefined where the page does not list it
 */
export function addressInIndex(body: string, type: string, page: string, file: string): string | undefined {
  const link = /json/i.test(type) ? linkInJson(body, file) : linkInHtml(body, file);
  if (link === undefined || !URL.canParse(link, page)) return undefined;
  const address = new URL(link, page);
  address.hash = "";
  return /^https?:$/.test(address.protocol) ? address.href : undefined;
}

function linkInJson(body: string, file: string): string | undefined {
  let page: unknown;
  try {
    page = JSON.parse(body);
  } catch {
    return undefined;
  }
  const { files } = (page ?? {}) as { files?: unknown };
  if (!Array.isArray(files)) return undefined;
  const found = files.find((entry) => entry?.filename === file);
  return typeof found?.url === "string" ? found.url : undefined;
}

function linkInHtml(body: string, file: string): string | undefined {
  for (const [, double, single] of body.matchAll(/<a\s[^>]*?href\s*=\s*(?:"([^"]*)"|'([^']*)')/gi)) {
    const link = (double ?? single ?? "").replaceAll("&amp;", "&");
    const path = link.replace(/[?#].*$/, "");
    let name = path.slice(path.lastIndexOf("/") + 1);
    try {
      name = decodeURIComponent(name);
    } catch {} // not percent-encoded: the name as it is
    if (name === file) return link;
  }
  return undefined;
}
