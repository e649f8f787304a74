// The same candidates as written checkpoints: some of a search's are merged into a folder, opened, asked the items that the search asks,
// and removed: node written.mjs EXPERIMENT SEARCHED HOW_MANY

import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { merge, openModel } from "retemper";
import { engineOf } from "../../../dist/experiment/settings/engineOf.js";
import { recipeAt } from "../../../dist/search/groups.js";
import { withSearch } from "../../../dist/search/openSearch.js";
import { ThreeSets } from "../../../dist/search/threeSets.js";

const [experiment, searched, many] = process.argv.slice(2);
const { candidates, groups } = JSON.parse(readFileSync(join(searched, "search.json"), "utf8"));
const own = candidates.filter(({ way }) => way === "cma-es");
const some = Array.from({ length: Number(many) }, (_, at) => own[Math.floor((at * own.length) / Number(many))]);
const place = join(searched, "written");

await withSearch(experiment, join(searched, "opened"), {}, async ({ settings, tuned, measuring }) => {
  const { search: tasks } = new ThreeSets(measuring.tasksOf("validation"), new Set()).of(measuring.tasksOf("validation", tuned[0].seed));
  const prompts = tasks.flatMap(({ items }) => items.map(({ prompt }) => prompt));
  const total = { merge: 0, open: 0, ask: 0, remove: 0, tokens: 0, bytes: 0 };
  const timed = async (part, work) => {
    const begin = performance.now();
    const made = await work();
    total[part] += (performance.now() - begin) / 1000;
    return made;
  };
  for (const { coefficients } of some) {
    const recipe = recipeAt({ aligned: settings.aligned, tuned: tuned[0].model }, groups, coefficients);
    const { out, bytesWritten } = await timed("merge", () => merge(recipe, place, { force: true, writeModelCard: false }));
    total.bytes += bytesWritten;
    const model = await timed("open", () => openModel(out, engineOf(settings)));
    await timed("ask", async () => {
      const { maxNewTokens } = settings.decoding;
      for await (const { ids } of model.generate(prompts, { maxNewTokens, temperature: 0 })) total.tokens += ids.length;
    });
    await model.close();
    await timed("remove", () => rmSync(place, { recursive: true }));
  }
  const each = Object.fromEntries(Object.entries(total).map(([key, value]) => [key, value / some.length]));
  const seconds = each.merge + each.open + each.ask + each.remove;
  console.log(JSON.stringify({ prompts: prompts.length, measured: some.length, each, seconds, secondsOf100: 100 * seconds }, null, 1));
});
