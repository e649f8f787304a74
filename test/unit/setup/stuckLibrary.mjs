// A child of bringLibrary.test.ts: brings a library until it unpacks the second wheel, says so and waits to be killed.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { bringLibrary } from "../../../dist/setup/bringLibrary.js";
import { SetupReporter } from "../../../dist/setup/setupReporter.js";
import { wheelFile } from "../../../dist/setup/wheels.js";

const [root, folder, entries, contents] = process.argv.slice(2);
const wheels = JSON.parse(entries).map((wheel) => ({ ...wheel, takes: [/./] }));
const bytes = JSON.parse(contents).map((text) => Buffer.from(text, "base64"));
const reporter = new SetupReporter(({ phase, done }) => {
  if (phase !== "unpack pkg-1" || done === 0) return;
  process.send(phase);
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0); // nothing of this process goes on
});
await bringLibrary({
  root,
  folder,
  wheels,
  reporter,
  sources: {
    async test(wheel, into) {
      writeFileSync(join(into, wheelFile(wheel)), bytes[wheels.indexOf(wheel)]);
      return undefined;
    },
  },
});
