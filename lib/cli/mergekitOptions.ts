// The options of mergekit-yaml 0.1.5 that `retemper merge` accepts but has no need for, and why.

import { type Command, Option } from "commander";
import type { Renderer } from "./render.js";

interface IdleOption {
  readonly flags: string;
  readonly why: string;
  /** Values that ask for what happens anyway: no note is needed. */
  readonly agrees?: (value: unknown) => boolean;
  /** A boolean, with its --no- form. */
  readonly negatable?: boolean;
}

const off = (value: unknown) => value === false;
const BLOCKS = "tensors are read block by block, wherever they are computed";

/** Everything here is accepted, changes nothing, and is mentioned once when it is used. */
const IDLE_OPTIONS: readonly IdleOption[] = [
  { flags: "--low-cpu-memory", why: "memory is bounded anyway, see --max-memory", agrees: off, negatable: true },
  { flags: "--read-to-gpu", why: BLOCKS, agrees: off, negatable: true },
  { flags: "--gpu-rich", why: BLOCKS },
  { flags: "--lazy-unpickle", why: "pickle files are never opened", agrees: off, negatable: true },
  { flags: "--lora-merge-cache <folder>", why: "adapters are merged tensor by tensor, without a full copy" },
  { flags: "--async-write", why: "reading, merging and writing always overlap", agrees: off, negatable: true },
  { flags: "--write-threads <n>", why: "writing is part of the merge threads, see --threads" },
  { flags: "--clone-tensors", why: "a layer may occur any number of times", agrees: off, negatable: true },
  {
    flags: "--safe-serialization",
    why: "the output is always safetensors",
    agrees: (value) => value === true,
    negatable: true,
  },
  { flags: "--allow-crimes", why: "tensors are compared, not architectures", agrees: off, negatable: true },
];

export function addIdleOptions(command: Command): Command {
  command.optionsGroup("Accepted for compatibility with mergekit, without effect:");
  for (const { flags, why, negatable } of IDLE_OPTIONS) {
    command.option(flags, why);
    if (negatable) command.addOption(new Option(flags.replace("--", "--no-")).hideHelp());
  }
  return command;
}

/** Mentions each option that was given and asks for something that does not happen here. */
export function noteIdleOptions(command: Command, renderer: Renderer): void {
  for (const { flags, why, agrees } of IDLE_OPTIONS) {
    const option = new Option(flags);
    const name = option.attributeName();
    const value = command.getOptionValue(name);
    if (command.getOptionValueSource(name) !== "cli" || agrees?.(value)) continue;
    const shown = value === false ? option.long?.replace("--", "--no-") : option.long;
    renderer.note(`${shown} has no effect: ${why}`);
  }
}
