// The other host: large objects by signed addresses, as S3 serves and takes them. It wants no token and refuses one.

import { type Call, type Reply, type Route, refuse } from "../call.js";
import { md5 } from "../store.js";
import { inRange, signature } from "./files.js";

export const storage: Route = (call) => {
  const [, what, name = ""] = /^\/(objects|incoming|parts)\/(.+)$/.exec(call.url.pathname) ?? [];
  if (what === undefined) return undefined;
  if (call.headers.authorization !== undefined) return refuse(400, "Only one auth mechanism allowed");
  if (!call.url.search.includes(signature(name))) return refuse(403, "SignatureDoesNotMatch");
  if (what === "objects") {
    const bytes = call.store.objects.get(name);
    if (!bytes) return refuse(404, "NoSuchKey");
    return inRange(call, bytes, { etag: `"${md5(bytes)}"`, "accept-ranges": "bytes" });
  }
  if (call.method !== "PUT") return refuse(405, "MethodNotAllowed");
  if (call.headers["transfer-encoding"] !== undefined) return refuse(501, "NotImplemented: Transfer-Encoding");
  if (call.headers["content-length"] === undefined) return refuse(411, "MissingContentLength");
  return what === "incoming" ? takeWhole(call, name) : takePart(call, name);
};

function takeWhole({ store, body }: Call, oid: string): Reply {
  store.objects.set(`incoming ${oid}`, body);
  return { status: 200, headers: { etag: `"${md5(body)}"` } };
}

function takePart({ store, body }: Call, name: string): Reply {
  const [id = "", number = ""] = name.split("/");
  const upload = store.uploads.get(id);
  if (!upload) return refuse(404, "NoSuchUpload");
  const from = (Number(number) - 1) * upload.partSize;
  if (body.length !== Math.min(upload.partSize, upload.size - from)) return refuse(400, "IncompleteBody");
  upload.parts.set(Number(number), body);
  return { status: 200, headers: { etag: `"${md5(body)}"` } };
}
