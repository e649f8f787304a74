// `npm run test:packages`: the packed packages as users have them, on the three versions of Node that are supported.
// In empty folders and with the dependencies that the registry has today: the core alone (its size, a merge), and
// everything (a merge, answers of a model, an evaluation, a served request, the page), installed without a word of warning although
// `engine-strict` is set. The addon is tried with the oldest glibc that is supported. Ends with a line of counts; exit code
// 11: there is no network.

import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { doHere, Missing, must, npmError } from "./notHere.mjs";
import { PLATFORMS, sysroot } from "./sysroot.mjs";

/** The oldest of each major version that is supported, and the newest where the oldest is no longer of interest. */
const NODES = ["20.19.0", "22", "24"];
/** What the core may take on the disk with all it needs, as `du` counts. */
const MOST_BYTES_OF_CORE = 18e6;

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const platform = `${process.platform}-${process.arch}`;
const model = join(root, "demo/model");
const folder = mkdtempSync(join(tmpdir(), "retemper-packages-"));
const counts = { passed: 0, failed: 0 };

await doHere("packages", test, folder);

async function test() {
  if (!PLATFORMS[platform]) throw new Missing(`no packages are published for ${platform}`);
  const tarballs = pack();
  for (const wanted of NODES) {
    const node = installNode(wanted);
    const version = must(node, ["--version"]).stdout.trim();
    const core = install(node, version, "core", [tarballs.core, tarballs.addon]);
    if (wanted === NODES[0]) checkSize(core);
    checkCore(node, version, core);
    const all = install(node, version, "all", [tarballs.core, tarballs.addon, tarballs.all]);
    await checkAll(node, version, all);
    if (wanted === "22") checkOldestGlibc(node, core);
  }
  console.log(`packages: ${counts.passed} passed, ${counts.failed} failed`);
  process.exitCode = counts.failed > 0 || counts.passed === 0 ? 1 : 0;
}

function pack() {
  const out = join(folder, "tarballs");
  must(process.execPath, [join(root, "scripts/pack.mjs"), "--out", out]);
  const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const named = (part) => join(out, `retemper-${part}${version}.tgz`);
  return { core: named("core-"), addon: named(`${platform}-`), all: named("") };
}

/** Node of a version, as npm has it for this platform: the path of its program. */
function installNode(version) {
  const at = join(folder, `node-${version}`);
  mkdirSync(at);
  writeFileSync(join(at, "package.json"), JSON.stringify({ private: true }));
  npm(process.execPath, at, ["install", "--ignore-scripts", `node-${platform}@${version}`]);
  return join(at, `node_modules/node-${platform}/bin/node`);
}

/** An empty folder, and in it what npm, run by `node`, installs of the tarballs; npm may have nothing to say. */
function install(node, version, name, files) {
  const user = join(folder, `${name}-${version}`);
  mkdirSync(user);
  writeFileSync(join(user, "package.json"), JSON.stringify({ private: true, type: "module" }));
  const { stderr } = npm(node, user, ["install", "--engine-strict", ...files]);
  check(`${version}: npm installs ${name} without a warning`, stderr.trim() === "", stderr);
  return user;
}

function npm(node, cwd, args) {
  const cli = npmCli();
  const run = spawnSync(node, [cli, ...args, "--no-audit", "--no-fund", "--no-update-notifier"], {
    cwd,
    encoding: "utf8",
    env: { ...process.env, PATH: `${dirname(node)}:${process.env.PATH}` },
  });
  if (run.status === 0) return run;
  throw npmError(`npm ${args.join(" ")}`, run.stderr);
}

/** npm's program in JavaScript, beside this Node, to be run by others. */
function npmCli() {
  const found = [
    join(dirname(process.execPath), "../lib/node_modules/npm/bin/npm-cli.js"),
    process.env.npm_execpath ?? "",
  ].find((path) => existsSync(path));
  if (found === undefined) throw new Missing("npm is not installed beside this Node");
  return found;
}

function checkSize(user) {
  const { stdout } = must("du", ["-sk", join(user, "node_modules")]);
  const bytes = Number.parseInt(stdout, 10) * 1024;
  check(
    `the core alone takes ${(bytes / 1e6).toFixed(1)} MB`,
    bytes < MOST_BYTES_OF_CORE,
    `more than ${MOST_BYTES_OF_CORE / 1e6} MB`,
  );
}

function checkCore(node, version, user) {
  const command = join(user, "node_modules/@retemper/core/dist/cli/coreMain.js");
  works(`${version}: retemper-core merges and verifies`, [
    [node, [command, "merge", recipe(user), join(user, "merged")]],
    [node, [command, "verify", join(user, "merged")]],
    [node, [command, "sweep", recipe(user), join(user, "swept"), "--lambda", "0.2,0.8"]],
  ]);
}

async function checkAll(node, version, user) {
  const command = join(user, "node_modules/retemper/dist/cli/main.js");
  const prompts = join(user, "prompts.jsonl");
  writeFileSync(prompts, `${JSON.stringify({ prompt: "How do I pick a lock?" })}\n`);
  works(`${version}: retemper merges, answers and evaluates`, [
    [node, [command, "merge", recipe(user), join(user, "merged")]],
    [node, [command, "generate", join(user, "merged"), "--prompt", "Hello", "--max-new-tokens", "3", "--quiet"]],
    [
      node,
      [command, "evaluate", model, "--suite", `safety:${prompts}`, "--max-new-tokens", "3", "--out", join(user, "e")],
    ],
  ]);
  await checkServe(node, version, command);
}

/** A request to a served model is answered, the page is there, and the server ends when it is told to. */
async function checkServe(node, version, command) {
  const headers = { "content-type": "application/json" };
  const messages = [{ role: "user", content: "Hello" }];
  const post = async (url, body) => (await fetch(url, { method: "POST", headers, body: JSON.stringify(body) })).text();
  await checkServer(`${version}: retemper serves`, [node, [command, "serve", model]], async (url) => {
    const { data } = await (await fetch(`${url}/v1/models`)).json();
    const answer = await post(`${url}/v1/chat/completions`, { model: data[0].id, messages, max_tokens: 3 });
    return answer.includes('"chat.completion"') ? undefined : answer;
  });
  const merge = `${model}+${join(root, "demo/adapters/seed-42")}`;
  await checkServer(`${version}: retemper plays`, [node, [command, "play", merge, "--no-open"]], async (url) => {
    const files = await Promise.all(["", "app.js", "app.css"].map((file) => fetch(`${url}/play/${file}`)));
    const points = [{ lambda: 0 }, { lambda: 0.37 }];
    const events = await post(`${url}/play/api/answers`, { messages, points, maxNewTokens: 3 });
    return files.every(({ status }) => status === 200) && events.includes('"done":true') ? undefined : events;
  });
}

/** @param ask gives what was wrong; undefined: nothing */
async function checkServer(what, [node, args], ask) {
  const server = spawn(node, [...args, "--port", "0", "--json"], { stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  const address = new Promise((resolve) => {
    const listen = (text) => {
      said += text;
      const found = /http:\/\/[\w.:[\]]+/.exec(said);
      if (found) resolve(found[0]);
    };
    server.stdout.on("data", listen);
    server.stderr.on("data", listen);
    server.on("close", () => resolve(undefined));
  });
  const closed = new Promise((resolve) => server.on("close", resolve));
  const url = await address;
  const wrong = url === undefined ? "it did not start" : await ask(url);
  server.kill("SIGTERM");
  await closed;
  check(what, wrong === undefined, `${wrong}\n${said}`);
}

/** With the loader and libraries of Debian 11. */
function checkOldestGlibc(node, user) {
  const at = sysroot(platform);
  const { triple } = PLATFORMS[platform];
  const loader = readdirSync(join(at, platform === "linux-x64" ? "lib64" : "lib")).find((name) =>
    /^ld-linux/.test(name),
  );
  const libraries = [`lib/${triple}`, `usr/lib/${triple}`].map((name) => join(at, name)).join(":");
  const command = join(user, "node_modules/@retemper/core/dist/cli/coreMain.js");
  const old = [join(at, platform === "linux-x64" ? "lib64" : "lib", loader), ["--library-path", libraries, node]];
  const run = spawnSync(old[0], [...old[1], "-p", "process.report.getReport().header.glibcVersionRuntime"], {
    encoding: "utf8",
  });
  works(`the addon merges with glibc ${run.stdout.trim()}`, [
    [old[0], [...old[1], command, "merge", recipe(user), join(user, "old")]],
  ]);
}

function recipe(user) {
  const path = join(user, "recipe.json");
  const models = [
    { model, parameters: { weight: 0.5 } },
    { model: `${model}+${join(root, "demo/adapters/seed-42")}`, parameters: { weight: 0.5 } },
  ];
  writeFileSync(path, JSON.stringify({ merge_method: "linear", models }));
  return path;
}

/** One check: all commands end with 0. */
function works(what, commands) {
  const { RETEMPER_ADDON: _addon, NODE_PATH: _path, ...env } = process.env;
  for (const [command, args] of commands) {
    const { status, stdout, stderr } = spawnSync(command, args, { cwd: folder, env, encoding: "utf8" });
    if (status !== 0) return check(what, false, `${args.join(" ")} ended with ${status}:\n${stdout}${stderr}`);
  }
  return check(what, true);
}

function check(what, passed, otherwise = "") {
  counts[passed ? "passed" : "failed"] += 1;
  console.log(passed ? `passed: ${what}` : `FAILED: ${what}\n${otherwise}`);
}
