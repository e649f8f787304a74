// `retemper behave A B`: whether two models behave the same, and if not, why.

import type { Command } from "commander";
import { type BehaviourReport, type BehaviourSource, compareBehaviour, RetemperError } from "../../index.js";
import { behaviourText } from "../behaviourText.js";
import { downloading } from "../downloading.js";
import { addLocalEngineOptions, type EngineFlags, localOptions, parseReal } from "../generationFlags.js";
import { addJudgeOptions, type JudgeFlags, judgesOf } from "../judgeFlags.js";
import { readPrompts } from "../promptFile.js";
import { parseInteger } from "../quantities.js";
import { addCommonOptions, type Session } from "../session.js";

interface BehaveFlags extends Omit<EngineFlags, "apiKeyEnv">, Omit<JudgeFlags, "apiKeyEnv"> {
  readonly prompts?: string;
  readonly maxNewTokens?: number;
  readonly tolerance?: number;
  readonly ask: boolean;
  readonly apiKeyEnv?: readonly string[];
  readonly verbose?: number | boolean;
}

const HELP = `
A and B: a folder, a hub name, BASE+ADAPTER, recipe.yml or recipe.yml@lambda=0.4, or a model of a server, http://localhost:8000/v1#name
(vLLM, Ollama, llama.cpp). A is what was tested, B what ships. Five lines say what was found; -v says all of it, --json too.

Compared are tokens of texts and conversations, beginning and stop tokens, settings, tensors, distributions of the next token, and
greedy answers. Of a server only its answers are seen; against files it is explained by trials of known faults.

Exit code 0: they behave the same, or differ by no more than --tolerance; 15: they do not.

Examples:
  retemper behave base+adapter merged            was the adapter merged as it was tested?
  retemper behave recipe.yml@lambda=0.4 out      is out the merge that was measured?
  retemper behave out http://localhost:8000/v1#out --prompts questions.jsonl
  retemper behave out other --no-ask             files and weights only: nothing is run
  retemper behave out small --tolerance 0.02 --json | jq -r '.result.causes[].name'`;

export function addBehaveCommand(program: Command, session: Session): Command {
  const command = program
    .command("behave")
    .summary("do two models behave the same, and if not, why")
    .description("Compares how two models behave, and names the cause where they differ.")
    .argument("<a>", "the model that was tested")
    .argument("<b>", "the model that ships")
    .addHelpText("after", HELP)
    .optionsGroup("What is asked:")
    .option("--prompts <file>", "file of prompts: .jsonl, .json, .txt, or - for stdin (default: a few harmless ones)")
    .option("--max-new-tokens <n>", "of each greedy answer at most (default 32)", parseInteger(1))
    .option(
      "--tolerance <nats>",
      "mean KL divergence a token that still counts as the same (default 0.001)",
      parseReal("0 or more", (value) => value >= 0),
    )
    .option("--no-ask", "compare files and weights only, and run nothing");
  addJudgeOptions(command);
  addLocalEngineOptions(command);
  command
    .option(
      "--api-key-env <name>",
      "variable with the key of A's server; given twice, of A's and of B's (default RETEMPER_API_KEY for both)",
      (name: string, before: readonly string[] = []) => [...before, name],
    )
    .option("--concurrency <n>", "requests to a server at once (default 8)", parseInteger(1));
  addCommonOptions(command);
  return command.action(async (a: string, b: string, flags: BehaveFlags) => {
    const { renderer, signal, stdin } = session;
    const { maxNewTokens, tolerance, ask } = flags;
    const prompts = flags.prompts === undefined ? undefined : await readPrompts(flags.prompts, stdin);
    const { apiKeyEnv: names = [], ...others } = flags;
    const opened = flags.judge === undefined ? undefined : await judgesOf(others, session);
    let report: BehaviourReport;
    try {
      report = await compareBehaviour(
        withKey(a, names[0], flags, session),
        withKey(b, names[1] ?? names[0], flags, session),
        {
          ...localOptions(others),
          hub: downloading(session),
          prompts,
          maxNewTokens,
          tolerance,
          ask,
          judges: opened?.judges,
          signal,
          onStep: (step) => renderer.note(step),
        },
      );
    } finally {
      await opened?.close();
    }
    for (const note of report.notes) renderer.note(note);
    const text = behaviourText(report, Boolean(flags.verbose));
    if (report.verdict !== "different") {
      renderer.result(report, text);
      return;
    }
    renderer.answerBeforeError(report, text);
    const [cause] = report.causes;
    throw new RetemperError("DIFFERS", `${b} does not behave as ${a}${cause ? `: ${cause.summary}` : ""}`, {
      hint: cause?.remedy,
    });
  });
}

/** A server with its key; anything else as it is. */
function withKey(
  text: string,
  name: string | undefined,
  { concurrency }: BehaveFlags,
  { env }: Session,
): BehaviourSource {
  const [, url, model] = /^(https?:\/\/[^#]+)#(.+)$/.exec(text) ?? [];
  if (url === undefined || model === undefined) return text;
  return { url, model, apiKey: env[name ?? "RETEMPER_API_KEY"], concurrency };
}
