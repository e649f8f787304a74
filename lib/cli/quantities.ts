// Sizes, rates and times between text and numbers, as the command line reads and shows them.

import { InvalidArgumentError } from "commander";

// Decimal, as disks and safetensors shards are measured. B is a billion: what mergekit's --out-shard-size means by it.
const UNITS: Readonly<Record<string, number>> = {
  "": 1,
  K: 1e3,
  KB: 1e3,
  KIB: 2 ** 10,
  M: 1e6,
  MB: 1e6,
  MIB: 2 ** 20,
  B: 1e9,
  G: 1e9,
  GB: 1e9,
  GIB: 2 ** 30,
  T: 1e12,
  TB: 1e12,
  TIB: 2 ** 40,
};

/** Bytes from "5B", "500M", "2GiB" or "1000000". Throws commander's argument error on anything else. */
export function parseSize(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([a-z]*)$/i.exec(text.trim());
  const unit = UNITS[match?.[2]?.toUpperCase() ?? "?"];
  const bytes = Math.round(Number(match?.[1]) * (unit ?? Number.NaN));
  if (!Number.isSafeInteger(bytes) || bytes <= 0) {
    throw new InvalidArgumentError("Give a positive number of bytes, such as 500M, 5G (or 5B) or 2GiB.");
  }
  return bytes;
}

/** An option's parser for whole numbers from `least` on. */
export function parseInteger(least: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^[+-]?\d+$/.test(text.trim()) || !Number.isSafeInteger(value) || value < least) {
      throw new InvalidArgumentError(
        least === 0 ? "Give a whole number." : `Give a whole number of at least ${least}.`,
      );
    }
    return value;
  };
}

/** 1906912 -> "1.91 MB". */
export function formatBytes(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  const exponent = Math.min(Math.floor(Math.log10(bytes) / 3), 4);
  return `${(bytes / 1000 ** exponent).toFixed(2)} ${["B", "kB", "MB", "GB", "TB"][exponent]}`;
}

/** Bytes per second as "1.31 GB/s". */
export function formatRate(bytesPerSecond: number): string {
  return bytesPerSecond > 0 ? `${(bytesPerSecond / 1e9).toFixed(2)} GB/s` : "- GB/s";
}

/** 75.2 -> "1m15s". */
export function formatDuration(seconds: number): string {
  if (!Number.isFinite(seconds)) return "-";
  if (seconds < 10) return `${seconds.toFixed(2)}s`;
  const whole = Math.round(seconds);
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor((whole % 3600) / 60)];
  if (hours > 0) return `${hours}h${String(minutes).padStart(2, "0")}m`;
  return minutes > 0 ? `${minutes}m${String(whole % 60).padStart(2, "0")}s` : `${whole}s`;
}

/** 1234567 -> "1,234,567". */
export function formatCount(count: number): string {
  return count.toLocaleString("en-US");
}
