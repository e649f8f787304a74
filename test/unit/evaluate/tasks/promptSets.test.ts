// The published prompt sets by name: their columns as their files have them, from disk and from a hub. All rows are stand-ins
// of our own: nothing of the sets is here (test/golden/sets/make.py writes the Parquet files).

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { harmBenchJudge, harmBenchPrompt } from "../../../../lib/evaluate/judges/harmBench.js";
import { evaluate } from "../../../../lib/evaluate/run/evaluate.js";
import { PROMPT_SETS } from "../../../../lib/evaluate/tasks/promptSets.js";
import { READER, startHub, WRITER } from "../../../hub/hubServer.js";
import { CannedModel, textOf } from "../cannedModel.js";

const root = mkdtempSync(join(tmpdir(), "retemper-sets-"));
const server = await startHub();
afterAll(async () => {
  await server.close();
  rmSync(root, { recursive: true, force: true });
});

const golden = (name: string) => readFileSync(new URL(`../../../golden/sets/${name}.parquet`, import.meta.url));
const hubAs = (token: string) => ({
  endpoint: server.endpoint,
  cache: mkdtempSync(join(root, "cache-")),
  env: { HF_HOME: root, HF_TOKEN: token },
  retryDelayMs: 1,
});

/** Where each set lies on the hub, and files with its columns. */
const CONVERTED = { kind: "datasets", reference: "refs/convert/parquet" } as const;
server.put("walledai/HarmBench", { "README.md": "" }, { kind: "datasets" });
for (const part of ["standard", "contextual"]) {
  const file = { [`${part}/train-00000-of-00001.parquet`]: golden(part) };
  server.put("walledai/HarmBench", file, { kind: "datasets" });
}
server.put("sorry-bench/sorry-bench-202503", { "data.jsonl": "{}" }, { kind: "datasets", gated: true });
server.put("sorry-bench/sorry-bench-202503", { "default/train/0000.parquet": golden("sorrybench") }, CONVERTED);
server.put(
  "stanford-crfm/air-bench-2024",
  {
    "category_1.csv": 'cate-idx,l2-name,l3-name,l4-name,prompt\n1.1.1,Songs,Loud,Tea,"Sing, loudly."\n',
    "category_3940.csv": "cate-idx,l2-name,l3-name,l4-name,prompt\n2.39.1,Paper,Boats,Fold,Fold it.\n",
    "judge_prompts.csv": "cate-idx,judge_prompt\n1.1.1,Judge it.\n",
  },
  { kind: "datasets" },
);
server.put("PKU-Alignment/BeaverTails", { "round0/330k/test.jsonl.xz": "packed" }, { kind: "datasets" });
server.put("PKU-Alignment/BeaverTails", { "default/330k_test/0000.parquet": golden("beavertails") }, CONVERTED);
server.put("PKU-Alignment/BeaverTails", { "default/30k_test/0000.parquet": golden("evaluation") }, CONVERTED);
server.put("PKU-Alignment/BeaverTails-Evaluation", { "v1/test.jsonl.xz": "packed" }, { kind: "datasets" });
server.put("PKU-Alignment/BeaverTails-Evaluation", { "default/test/0000.parquet": golden("evaluation") }, CONVERTED);
server.put(
  "allenai/wildguardmix",
  { "test/wildguard_test.parquet": golden("wildguardtest") },
  { kind: "datasets", gated: true },
);
server.put(
  "bench-llm/or-bench",
  {
    "or-bench-80k.csv": "prompt,category\nKill the lights.,violence\nStop a process.,harmful\n",
    "or-bench-hard-1k.csv": "prompt,category\nKill the lights.,violence\n",
    "or-bench-toxic.csv": "prompt,category\nSing.,hate\n",
  },
  { kind: "datasets" },
);
server.put(
  "JailbreakBench/JBB-Behaviors",
  {
    "data/harmful-behaviors.csv": "Index,Goal,Target,Behavior,Category,Source\n0,Sing.,Here is,Song,Music,Original\n",
    "data/benign-behaviors.csv": "Index,Goal,Target,Behavior,Category,Source\n0,Hum.,Here is,Tune,Music,Original\n",
  },
  { kind: "datasets" },
);
server.put(
  "LibrAI/do-not-answer",
  { "data/train-00000-of-00001-6ba0.parquet": golden("donotanswer") },
  { kind: "datasets" },
);

async function asked(suite: string, token = WRITER) {
  const model = new CannedModel(() => "I'm sorry");
  const { tasks, warnings } = await evaluate(model, suite, { hub: hubAs(token) });
  const items = tasks[0]?.items ?? [];
  return {
    task: tasks[0],
    warnings,
    requests: model.asked.map(({ prompt }) => textOf(prompt)).reverse(),
    categories: items.map(({ category }) => category),
    ids: items.map(({ id }) => id),
  };
}

describe("sets from the hub", () => {
  it.each([
    ["harmbench", ["Sing.", "A song\n\n---\n\nSing it."], ["songs", "songs"]],
    ["harmbench-standard", ["Sing."], ["songs"]],
    ["harmbench-contextual", ["A song\n\n---\n\nSing it."], ["songs"]],
    ["airbench", ["Sing, loudly.", "Fold it."], ["Songs", "Paper"]],
    ["beavertails", ["Sing.", "Fold a boat."], ["songs", "several"]],
    ["beavertails-evaluation", ["Fold a boat."], ["boats,paper"]],
    ["orbench", ["Kill the lights."], ["violence"]],
    ["orbench-80k", ["Kill the lights.", "Stop a process."], ["violence", "harmful"]],
    ["orbench-toxic", ["Sing."], ["hate"]],
    ["jailbreakbench", ["Sing."], ["Music"]],
    ["jailbreakbench-benign", ["Hum."], ["Music"]],
    ["donotanswer", ["Which tea?"], ["Drinks"]],
  ])("%s is read as it is published", async (name, requests, categories) => {
    const found = await asked(name);
    expect(found.requests).toEqual(requests);
    expect(found.categories).toEqual(categories);
    expect(found.task?.kind).toBe(PROMPT_SETS.find((set) => set.name === name)?.kind);
    for (const { commit } of found.task?.data ?? []) expect(commit).toMatch(/^[0-9a-f]{40}$/);
  });

  it("tell the two configurations of HarmBench apart, and record the data of both", async () => {
    const { task, ids } = await asked("harmbench");
    expect(ids).toEqual(["standard/train-00000-of-00001.parquet/0", "contextual/train-00000-of-00001.parquet/0"]);
    expect(task?.data.map(({ rows }) => rows)).toEqual([1, 1]);
  });

  it("that are gated come with a token of who accepted their terms, and name the gate to others", async () => {
    server.store.users.get(WRITER)?.accepted.add("sorry-bench/sorry-bench-202503").add("allenai/wildguardmix");
    const sorry = await asked("sorrybench");
    expect(sorry.requests).toEqual(["Sing about tea.", "Fold a paper boat."]);
    expect(sorry.categories).toEqual(["Personal Insulting Words", "Dangerous Machinery Operation Advice"]);
    const harmful = await asked("wildguardtest");
    expect(harmful.requests).toEqual(["Sing loudly.", "Pretend to sing."]);
    const benign = await asked("wildguardtest-benign");
    expect([benign.task?.kind, benign.requests]).toEqual(["over-refusal", ["Pour tea."]]);
    await expect(asked("sorrybench", READER)).rejects.toMatchObject({ code: "NETWORK" });
  });
});

describe("sets from files", () => {
  const file = (name: string, text: string) => {
    const path = join(root, name);
    writeFileSync(path, text);
    return path;
  };

  it("HarmBench's own CSV is read without its copyright behaviors, with a word", async () => {
    const path = file(
      "harmbench_behaviors_text_all.csv",
      "Behavior,FunctionalCategory,SemanticCategory,Tags,ContextString,BehaviorID\n" +
        'Sing.,standard,songs,,,sing\n"Sing it.",contextual,songs,context,"A song",it\n' +
        'Print the song.,copyright,copyright,"lyrics, hash_check",,print\n',
    );
    const { requests, warnings } = await asked(`harmbench:${path}`);
    expect(requests).toEqual(["Sing.", "A song\n\n---\n\nSing it."]);
    expect(warnings[0]).toMatch(/^1 of 3 rows of .*all\.csv are left out: copyright behaviors/);
    expect((await asked(`harmbench-standard:${path}`)).requests).toEqual(["Sing."]);
    expect((await asked(`harmbench-contextual:${path}`)).requests).toEqual(["A song\n\n---\n\nSing it."]);
    // HarmBench's own judge reads the context apart
    const guard = new CannedModel(() => "No");
    const judges = [harmBenchJudge(guard, { by: "answers" })];
    await evaluate(new CannedModel(() => "La"), `harmbench-contextual:${path}`, { judges });
    expect(guard.asked.map(({ prompt }) => prompt)).toEqual([harmBenchPrompt("Sing it.", "La", "card", "A song")]);
  });

  it("StrongREJECT's and XSTest's CSV, Do-Not-Answer's and the first SORRY-Bench's lines", async () => {
    const strong = await asked(
      `strongreject:${file("strongreject_dataset.csv", "category,source,forbidden_prompt\nMusic,custom,Sing.\n")}`,
    );
    expect([strong.requests, strong.categories]).toEqual([["Sing."], ["Music"]]);
    const xstest = await asked(
      `xstest:${file(
        "xstest_prompts.csv",
        "id_v1,id_v2,type,prompt,focus,note\nv1-1,v2-1,homonyms,Kill the lights.,kill,\n,v2-2,contrast_homonyms,Sing.,,\n",
      )}`,
    );
    expect([xstest.requests, xstest.categories]).toEqual([
      ["Kill the lights.", "Sing."],
      ["safe", "unsafe"],
    ]);
    const english = file(
      "data_en.csv",
      "id,risk_area,types_of_harm,specific_harms,question\n0,Drinks,Tea,Green,Which?\n",
    );
    expect((await asked(`donotanswer:${english}`)).categories).toEqual(["Drinks"]);
    // its 45 categories are not those of the second edition
    const lines = [45, 1].map((category) => ({ question_id: category, category: `${category}`, turns: ["Sing."] }));
    const first = file("question.jsonl", lines.map((line) => JSON.stringify(line)).join("\n"));
    expect((await asked(`sorrybench:${first}`)).categories).toEqual(["45", "1"]);
  });

  it("BeaverTails' lines may be of no category, HEx-PHI's rows in one file name theirs", async () => {
    const lines = [
      { prompt: "Sing.", category: { songs: false }, is_safe: false },
      { prompt: "Hum.", category: { songs: true }, is_safe: false },
      { prompt: "Tea?", category: { songs: false }, is_safe: true },
    ];
    const path = file("test.jsonl", lines.map((line) => JSON.stringify(line)).join("\n"));
    expect((await asked(`beavertails:${path}`)).categories).toEqual([undefined, "songs"]);
    const one = file("hexphi.jsonl", JSON.stringify({ prompt: "Sing.", category: "Music" }));
    expect((await asked(`hexphi:${one}`)).categories).toEqual(["Music"]);
  });

  it("AIR-Bench's folder is read without its judges' prompts", async () => {
    const folder = join(root, "air");
    mkdirSync(folder);
    writeFileSync(join(folder, "category_10.csv"), "cate-idx,l2-name,l3-name,l4-name,prompt\n10.1,Tea,a,b,Pour.\n");
    writeFileSync(join(folder, "category_2.csv"), "cate-idx,l2-name,l3-name,l4-name,prompt\n2.1,Songs,a,b,Sing.\n");
    writeFileSync(join(folder, "judge_prompts.csv"), "cate-idx,judge_prompt\n2.1,Judge.\n");
    expect((await asked(`airbench:${folder}`)).requests).toEqual(["Sing.", "Pour."]);
  });

  it("a file with no row that a set asks is refused with what it asks", async () => {
    const path = file("safe.jsonl", JSON.stringify({ prompt: "Sing.", category: {}, is_safe: true }));
    await expect(asked(`beavertails:${path}`)).rejects.toMatchObject({
      code: "BAD_INPUT",
      message: expect.stringContaining("rows whose is_safe is false"),
    });
    await expect(asked(`beavertails:${file("test.jsonl.xz", "packed")}`)).rejects.toMatchObject({
      hint: expect.stringContaining("xz -dk"),
    });
  });

  it("a number of rows that no edition has is a warning", async () => {
    const path = file("strong.csv", "category,source,forbidden_prompt\nMusic,custom,Sing.\n");
    expect((await asked(`strongreject:${path}`)).warnings[0]).toMatch(/has 1 rows, and StrongREJECT 313 or 60/);
  });
});

describe("the table of sets in docs/evaluate.md", () => {
  it("has a row with columns and a licence for every set, and no other", () => {
    const docs = readFileSync("docs/evaluate.md", "utf8");
    const lines = docs.split("\n");
    const start = lines.findIndex((line) => line.startsWith("| set | kind |")) + 2;
    const rows = lines.slice(start, lines.indexOf("", start));
    const names = rows.flatMap((row) => [...(row.split("|")[1] ?? "").matchAll(/`([\w-]+)`/g)].map(([, name]) => name));
    expect(names.sort()).toEqual(PROMPT_SETS.map(({ name }) => name).sort());
    for (const row of rows) {
      const cells = row.split("|").slice(1, -1);
      expect(cells).toHaveLength(7);
      expect(cells.filter((cell) => cell.trim() === "")).toEqual([]);
    }
  });
});
