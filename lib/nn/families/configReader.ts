// Typed reading of a model's configuration: a family's defaults where a key is absent, as transformers has them, and an
// error that names file and key where a value cannot be.

import type { JsonObject } from "../../checkpoint/json.js";
import { RetemperError } from "../../errors.js";

/** More than any model has, so that a broken configuration is refused before anything is made from it. */
const LARGEST = 1 << 24;

export class ConfigReader {
  /** For errors: the path of config.json. */
  readonly file: string;
  private readonly config: JsonObject;
  private readonly defaults: JsonObject;
  private readonly aliases: Readonly<Record<string, string>>;

  /** `aliases`: a key's name in this family's files, where it is another than the usual one. */
  constructor(
    config: JsonObject,
    file: string,
    defaults: JsonObject = {},
    aliases: Readonly<Record<string, string>> = {},
  ) {
    this.config = config;
    this.file = file;
    this.defaults = defaults;
    this.aliases = aliases;
  }

  /** What the file says, else the default. A null of the file is undefined: it turns a default off. */
  value(key: string): unknown {
    const alias = this.aliases[key];
    for (const name of alias === undefined ? [key] : [alias, key]) {
      if (Object.hasOwn(this.config, name)) return this.config[name] ?? undefined;
    }
    return this.defaults[key] ?? undefined;
  }

  /** A positive whole number. */
  optionalSize(key: string): number | undefined {
    const value = this.value(key);
    if (value === undefined) return undefined;
    if (!Number.isInteger(value) || (value as number) < 1 || (value as number) > LARGEST) {
      throw this.error(key, `is ${show(value)}, not a positive whole number`);
    }
    return value as number;
  }

  size(key: string): number {
    return this.optionalSize(key) ?? this.missing(key);
  }

  optionalNumber(key: string): number | undefined {
    const value = this.value(key);
    if (value === undefined) return undefined;
    if (typeof value !== "number" || !Number.isFinite(value)) throw this.error(key, `is ${show(value)}, not a number`);
    return value;
  }

  number(key: string): number {
    return this.optionalNumber(key) ?? this.missing(key);
  }

  /** A number above 0. */
  optionalPositive(key: string): number | undefined {
    const value = this.optionalNumber(key);
    if (value !== undefined && value <= 0) throw this.error(key, `is ${value}, not above 0`);
    return value;
  }

  positive(key: string): number {
    return this.optionalPositive(key) ?? this.missing(key);
  }

  /** False where it is absent. */
  flag(key: string): boolean {
    const value = this.value(key);
    if (value === undefined || typeof value === "boolean") return value ?? false;
    throw this.error(key, `is ${show(value)}, not true or false`);
  }

  optionalText(key: string): string | undefined {
    const value = this.value(key);
    if (value === undefined || typeof value === "string") return value;
    throw this.error(key, `is ${show(value)}, not a text`);
  }

  text(key: string): string {
    return this.optionalText(key) ?? this.missing(key);
  }

  optionalList(key: string): readonly unknown[] | undefined {
    const value = this.value(key);
    if (value === undefined || Array.isArray(value)) return value;
    throw this.error(key, `is ${show(value)}, not a list`);
  }

  /** Finite numbers above 0. */
  positives(key: string): readonly number[] {
    const list = this.optionalList(key) ?? this.missing(key);
    const wrong = list.find((item) => typeof item !== "number" || !Number.isFinite(item) || item <= 0);
    if (wrong !== undefined) throw this.error(key, `holds ${show(wrong)}, not a number above 0`);
    return list as readonly number[];
  }

  /** ConfigReader of an object that is a value of these; a key that it lacks is looked up nowhere else. */
  optionalObject(key: string): ConfigReader | undefined {
    const value = this.value(key);
    if (value === undefined) return undefined;
    if (typeof value !== "object" || Array.isArray(value)) throw this.error(key, `is ${show(value)}, not an object`);
    return new ConfigReader(value as JsonObject, this.file);
  }

  error(key: string, what: string, hint?: string): RetemperError {
    return new RetemperError("BAD_INPUT", `${this.aliases[key] ?? key} ${what}`, { file: this.file, hint });
  }

  private missing(key: string): never {
    throw this.error(key, "is missing", "The model needs the config.json that it was published with.");
  }
}

function show(value: unknown): string {
  return (JSON.stringify(value) ?? String(value)).slice(0, 60);
}
