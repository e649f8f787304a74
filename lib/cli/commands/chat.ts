// `retemper chat MODEL`: a conversation, for people; through a pipe, each line is a message.

import type { Command } from "commander";
import { RetemperError } from "../../index.js";
import { COMMANDS, Conversation } from "../chat/conversation.js";
import { InputLines } from "../chat/inputLines.js";
import {
  type AnswerFlags,
  addAnswerOptions,
  addEngineOptions,
  addRecipeOptions,
  describeEngine,
  type EngineFlags,
  type OpenedModel,
  openGenerator,
  type RecipeFlags,
} from "../generationFlags.js";
import { addCommonOptions, type Session } from "../session.js";
import { lambdasOf } from "../values.js";

interface ChatFlags extends EngineFlags, RecipeFlags, AnswerFlags {
  readonly system?: string;
}

export function addChatCommand(program: Command, session: Session): Command {
  const command = program
    .command("chat")
    .summary("talk with a model")
    .description("Talks with a model through its chat template. Answers come as they are made.")
    .argument("[model]", "folder of a model, or name on the hub")
    .addHelpText(
      "after",
      `\nIn the conversation:\n${COMMANDS.replace(/^/gm, "  ")}\n\nExamples:
  retemper chat path/to/model
  retemper chat path/to/model --system "You answer in one sentence." --temperature 0.7
  echo "Why is the sky blue?" | retemper chat path/to/model`,
    )
    .optionsGroup("The conversation:")
    .option("--system <text>", "begin with this system message");
  addAnswerOptions(command);
  addRecipeOptions(command, "talk with the merge at this value");
  addEngineOptions(command);
  command.option("--model <name>", "the same as the argument");
  addCommonOptions(command);
  return command.action(async (path: string | undefined, flags: ChatFlags) => {
    if ((lambdasOf(flags) ?? []).length > 1) {
      throw new RetemperError("USAGE", "a conversation is with one model: give one lambda", {
        hint: "retemper generate asks many at once, retemper serve offers each as a model",
      });
    }
    session.endWithReader();
    const model = await openGenerator(path, flags, session);
    try {
      if (model.tokenizer?.hasChatTemplate === false) {
        throw new RetemperError("INCOMPATIBLE", "the model has no chat template, so it cannot be talked with", {
          hint: "retemper generate --prompt lets it continue a text",
        });
      }
      await new Chat(model, flags, session).run();
    } finally {
      await model.close();
    }
  });
}

class Chat {
  readonly #model: OpenedModel;
  readonly #session: Session;
  readonly #conversation: Conversation;
  readonly #input: InputLines;
  /** Stops the answer that is being made. */
  #answering: AbortController | undefined;
  #interrupted = false;
  #answers = 0;

  constructor(model: OpenedModel, flags: ChatFlags, session: Session) {
    this.#model = model;
    this.#session = session;
    this.#conversation = new Conversation(flags, flags.system);
    this.#input = new InputLines(session, () => this.#interrupt());
  }

  async run(): Promise<void> {
    const { renderer, signal, takeInterrupts } = this.#session;
    const giveBack = takeInterrupts(() => this.#interrupt());
    const leave = () => this.#input.close();
    signal.addEventListener("abort", leave, { once: true });
    try {
      if (this.#input.interactive) renderer.note(`${describeEngine(this.#model)}; /help lists commands, Ctrl-D leaves`);
      for (;;) {
        const text = await this.#input.next();
        signal.throwIfAborted();
        if (text === undefined) break;
        this.#interrupted = false;
        if (text !== "" && (await this.#turn(text)) === "leave") break;
      }
      renderer.result({ answers: this.#answers, messages: this.#conversation.messages, engine: this.#model.facts }, "");
    } finally {
      signal.removeEventListener("abort", leave);
      giveBack();
      this.#input.close();
    }
  }

  /** One message or command. On a terminal its failure is shown, and the conversation goes on. */
  async #turn(text: string): Promise<"leave" | undefined> {
    try {
      if (text.startsWith("/") && !text.startsWith("//")) {
        const outcome = await this.#conversation.run(text.slice(1));
        if ("leave" in outcome) return "leave";
        if ("say" in outcome) this.#say(outcome.say);
        else await this.#answer();
      } else {
        this.#conversation.ask(text.replace(/^\/\//, "/"));
        await this.#answer();
      }
    } catch (error) {
      if (!this.#input.interactive || this.#session.signal.aborted) throw error;
      this.#session.renderer.failure(error);
    }
    return undefined;
  }

  #say(message: string): void {
    const { renderer } = this.#session;
    const event = { event: "note", message };
    if (renderer.json) renderer.event(event);
    else renderer.say(message);
  }

  async #answer(): Promise<void> {
    const { renderer, signal } = this.#session;
    const stop = new AbortController();
    this.#answering = stop;
    const show = (text: string) => {
      const event = { event: "piece", text };
      if (renderer.json) renderer.event(event);
      else renderer.answer(text);
    };
    let text = "";
    try {
      const answers = this.#model.generate([this.#conversation.messages], {
        ...this.#conversation.options,
        signal: AbortSignal.any([signal, stop.signal]),
        onToken: (piece) => {
          text += piece.text;
          show(piece.text);
        },
      });
      for await (const answer of answers) {
        const { finish, promptTokens, ids } = answer;
        this.#answers += 1;
        const event = { event: "answer", text, finish, promptTokens, newTokens: ids.length };
        renderer.event(event);
      }
    } catch (error) {
      if (!stop.signal.aborted || signal.aborted) {
        this.#conversation.withdraw();
        if (text !== "" && !renderer.json) renderer.answer("\n");
        throw error;
      }
      const event = { event: "answer", text, finish: "stopped" };
      renderer.event(event);
    } finally {
      this.#answering = undefined;
    }
    this.#conversation.answered(text);
    if (!renderer.json) renderer.answer("\n");
  }

  /** Ctrl-C: stops an answer; without one, what is typed is thrown away. A second one ends the command. */
  #interrupt(): void {
    if (this.#answering) this.#answering.abort();
    else if (this.#interrupted || !this.#input.interactive) this.#input.close();
    else {
      this.#input.clear();
      this.#say("Ctrl-C again, or Ctrl-D, leaves.");
    }
    this.#interrupted = true;
  }
}
