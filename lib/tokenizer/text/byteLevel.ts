// The byte alphabet of GPT-2: one printable character for each byte, so that a vocabulary over bytes can be written as
// text. Radford et al., "Language Models are Unsupervised Multitask Learners", 2019.

/** The character of each byte: printable Latin-1 stands for itself, the other bytes follow from U+0100 on, in order. */
export const BYTE_CHARACTERS: readonly string[] = byteCharacters();

function byteCharacters(): string[] {
  let next = 0x100;
  return Array.from({ length: 256 }, (_, byte) => {
    const printable = (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
    return String.fromCharCode(printable ? byte : next++);
  });
}

/** By code unit; -1 for one that stands for no byte. */
const BYTES = new Int16Array(0x200).fill(-1);
for (const [byte, character] of BYTE_CHARACTERS.entries()) BYTES[character.charCodeAt(0)] = byte;

/** A text's UTF-8 bytes, each as its character. */
export function toByteCharacters(text: string): string {
  let result = "";
  for (let at = 0; at < text.length; at += 1) {
    const unit = text.charCodeAt(at);
    if (unit >= 0x80) return result + fromBytes(Buffer.from(text.slice(at), "utf8"));
    result += BYTE_CHARACTERS[unit];
  }
  return result;
}

function fromBytes(bytes: Uint8Array): string {
  let result = "";
  for (const byte of bytes) result += BYTE_CHARACTERS[byte];
  return result;
}

/** The bytes that a token stands for; a token with a character outside the alphabet stands for its own UTF-8. */
export function bytesOfToken(token: string): Uint8Array {
  const bytes = new Uint8Array(token.length);
  for (let at = 0; at < token.length; at += 1) {
    const byte = BYTES[token.charCodeAt(at)] ?? -1;
    if (byte < 0) return Buffer.from(token, "utf8");
    bytes[at] = byte;
  }
  return bytes;
}
