// What of a row is asked and what is right: doc_to_text, doc_to_target and doc_to_choice, as lm-evaluation-harness reads them.

import { RetemperError } from "../../../errors.js";
import { FunctionName } from "../files/readTaskFile.js";
import { type Field, type TaskConfig, unsupported } from "../files/taskConfig.js";
import type { Functions } from "../functions/functions.js";
import type { Document } from "../functions/types.js";
import { LiteralError, readLiteral } from "../python/literal.js";
import { TaskTemplates } from "./renderTemplate.js";

/** A text, the place of a choice, or several right answers. */
export type Target = string | number | readonly unknown[];

export class Fields {
  readonly #config: TaskConfig;
  readonly #functions: Functions;
  readonly #templates: TaskTemplates;
  /** Columns of the rows that are asked. */
  readonly #columns: ReadonlySet<string>;

  constructor(config: TaskConfig, functions: Functions, columns: Iterable<string>) {
    this.#config = config;
    this.#functions = functions;
    this.#templates = new TaskTemplates(config.file);
    this.#columns = new Set(columns);
  }

  /** What is asked; a number is the place of the choice that is right, where each choice is a context of its own. */
  text(document: Document, field: Field | undefined = this.#config.docToText): string | number {
    const value = this.#value("doc_to_text", document, field);
    if (typeof value === "string" || typeof value === "number") return value;
    throw this.#wrong("doc_to_text", "is no text", document);
  }

  target(document: Document, field: Field | undefined = this.#config.docToTarget): Target {
    if (Array.isArray(field)) return field;
    const value = this.#value("doc_to_target", document, field);
    if (
      typeof field === "string" &&
      !this.#columns.has(field) &&
      typeof value === "string" &&
      /^\[.*\]$/s.test(value)
    ) {
      try {
        return readLiteral(value).value as Target;
      } catch (error) {
        if (!(error instanceof LiteralError)) throw error;
      }
    }
    if (typeof value === "boolean") return Number(value);
    if (typeof value === "string" || typeof value === "number" || Array.isArray(value)) return value;
    throw this.#wrong("doc_to_target", "is no text, number or list", document);
  }

  choices(document: Document, field: Field | undefined = this.#config.docToChoice): string[] {
    let value: unknown;
    if (typeof field === "string" && !this.#columns.has(field)) {
      const text = this.#templates.render(field, document);
      try {
        value = readLiteral(text).value;
      } catch (cause) {
        throw this.#wrong("doc_to_choice", `gives no list: ${(cause as Error).message}`, document);
      }
    } else if (typeof field === "object" && !Array.isArray(field) && !(field instanceof FunctionName)) {
      value = Object.values(field);
    } else value = this.#value("doc_to_choice", document, field);
    if (!Array.isArray(value) || value.some((choice) => typeof choice !== "string")) {
      throw this.#wrong("doc_to_choice", "gives no list of texts", document);
    }
    return value as string[];
  }

  /** A column's text, or a template's; the description and what an answer begins with. */
  words(document: Document, field: string | undefined): string | undefined {
    if (!field) return undefined;
    return Object.hasOwn(document, field) ? this.string(document[field]) : this.#templates.render(field, document);
  }

  /** `str(value)` of Python. */
  string(value: unknown): string {
    return this.#templates.text(value);
  }

  #value(key: string, document: Document, field: Field | undefined): unknown {
    if (field === undefined) throw unsupported(this.#config, key, "a task without it");
    if (typeof field === "number" || Array.isArray(field)) return field;
    if (field instanceof FunctionName) return this.#functions.field(field, key)(document);
    if (typeof field !== "string") throw unsupported(this.#config, key, "keys in it");
    if (this.#columns.has(field)) return plain(document[field]);
    const text = this.#templates.render(field, document);
    return /^\p{Nd}+$/u.test(text) && this.#config.docToChoice !== undefined ? Number(text) : text;
  }

  #wrong(key: string, what: string, document: Document): RetemperError {
    return new RetemperError("BAD_INPUT", `${this.#config.name}: ${key} ${what}`, {
      file: this.#config.file,
      hint: `a row has the columns ${Object.keys(document).join(", ")}`,
    });
  }
}

function plain(value: unknown): unknown {
  return typeof value === "bigint" ? Number(value) : value;
}
