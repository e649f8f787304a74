// Which machines the TensorFlow engine can be set up on.

import { platformName } from "../addon/load.js";
import { RetemperError } from "../errors.js";

/**
 * @param name "linux-x64", "linux-x64-musl", "darwin-arm64", …
 * @throws RetemperError DEVICE, with what to use instead
 */
export function requireSupportedPlatform(name: string = platformName()): void {
  if (name === "linux-x64") return;
  const why = name.endsWith("-musl")
    ? "TensorFlow's library needs glibc, and this system uses musl (Alpine): take a Debian-based image, or"
    : "the TensorFlow engine is made for 64-bit x86 Linux with glibc only:";
  throw new RetemperError("DEVICE", `TensorFlow cannot be set up on ${name}`, {
    hint: `${why} use --engine native (the default, needs nothing) or an endpoint`,
  });
}
