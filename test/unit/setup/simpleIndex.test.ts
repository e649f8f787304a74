// Finding a file in an index's page, in both of its forms.

import { describe, expect, it } from "vitest";
import { addressInIndex } from "../../../lib/setup/simpleIndex.js";

const PAGE = "https://index.example/simple/pkg/";
const FILE = "pkg-1.0+cpu-py3-none-any.whl";

describe("a page of an index", () => {
  it("in JSON gives a file's address, absolute or relative to the page", () => {
    const page = (url: string) =>
      JSON.stringify({
        meta: { "api-version": "1.1" },
        files: [
          { filename: "pkg-0.9.whl", url: "https://x.example/0" },
          { filename: FILE, url },
        ],
      });
    const type = "application/vnd.pypi.simple.v1+json; charset=utf-8";
    expect(addressInIndex(page("https://files.example/a/b.whl"), type, PAGE, FILE)).toBe(
      "https://files.example/a/b.whl",
    );
    expect(addressInIndex(page("../../files/b.whl#sha256=0"), type, PAGE, FILE)).toBe(
      "https://index.example/files/b.whl",
    );
    expect(addressInIndex(page("b.whl"), type, PAGE, "pkg-2.0.whl")).toBeUndefined();
  });

  it("in HTML gives a file's address, with entities and percent signs decoded", () => {
    const page = `<!DOCTYPE html><html><body>
      <a href="../../files/pkg-0.9-py3-none-any.whl#sha256=00" >pkg-0.9</a><br/>
      <a data-requires-python="&gt;=3.9" href='../../files/pkg-1.0%2Bcpu-py3-none-any.whl?a=1&amp;b=2#sha256=11'>${FILE}</a>
    </body></html>`;
    expect(addressInIndex(page, "text/html", PAGE, FILE)).toBe(
      "https://index.example/files/pkg-1.0%2Bcpu-py3-none-any.whl?a=1&b=2",
    );
    expect(addressInIndex(page, "text/html", PAGE, "pkg-1.0-py3-none-any.whl")).toBeUndefined();
  });

  it.each([
    ["damaged JSON", "{", "application/json"],
    ["JSON of another kind", "[]", "application/json"],
    ["JSON whose files are no list", '{"files": 3}', "application/json"],
    ["nothing", "", "text/html"],
    ["an address that is no web address", `<a href="file:///etc/${FILE}">x</a>`, "text/html"],
  ])("with %s gives nothing", (_, body, type) => {
    expect(addressInIndex(body, type, PAGE, FILE)).toBeUndefined();
  });
});
