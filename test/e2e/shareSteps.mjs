// A worker of a shared folder, in a process of its own, on steps that do nothing but take their time:
//   node test/e2e/shareSteps.mjs OUT I/N STEPS MILLISECONDS [DEAD_AFTER]
// Each step that it begins is a line of OUT/begun, and each one's record a file OUT/steps/<key>.json, made exclusively. It prints a
// line for what it claims and loses. Needs dist/ (npm run build).

import { appendFileSync, existsSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const { joinWorkers } = await import(join(root, "dist/experiment/sharing/joinWorkers.js"));

const [out, partition, steps, milliseconds, deadAfter] = process.argv.slice(2);
const [index, count] = partition.split("/").map(Number);
const rhythm = deadAfter === undefined ? undefined : { beat: Number(deadAfter) / 20, deadAfter: Number(deadAfter) };
const workers = await joinWorkers(out, { index, count }, { experiment: "steps", rhythm });
console.log(`joined ${workers.id}`);
const record = ({ key }) => join(out, "steps", `${key}.json`);
let left = Array.from({ length: Number(steps) }, (_, i) => ({ key: `step-${i}` }));
while (left.length > 0) {
  let did = false;
  for (const step of workers.order(left)) {
    if (existsSync(record(step))) continue;
    const claim = await workers.claim(step.key);
    if (!claim) continue;
    if (!existsSync(record(step))) {
      did = true;
      appendFileSync(join(out, "begun"), `${step.key} ${workers.id}\n`);
      console.log(`claimed ${step.key}`);
      await wait(Number(milliseconds), undefined, { signal: claim.lost }).catch(() => {});
      if (claim.lost.aborted) console.log(`lost ${step.key}`);
      else writeFileSync(record(step), workers.id, { flag: "wx" });
    }
    await claim.release();
  }
  left = left.filter((step) => !existsSync(record(step)));
  if (left.length > 0 && !did) await workers.settled();
}
await workers.close();
console.log("done");
