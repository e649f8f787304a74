// A float as Python writes it: the shortest digits that give it back, with an exponent below 1e-4 and from 1e16 on.

export function floatText(value: number): string {
  if (Number.isNaN(value)) return "nan";
  if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
  if (value === 0) return Object.is(value, -0) ? "-0.0" : "0.0";
  const [mantissa = "", power = ""] = value.toExponential().split("e");
  const exponent = Number(power);
  if (exponent < -4 || exponent >= 16) return `${mantissa}e${exponentText(exponent)}`;
  const text = exponent < 0 ? smallText(value, mantissa, exponent) : String(value);
  return text.includes(".") ? text : `${text}.0`;
}

/** An exponent with its sign and two digits at least. */
export function exponentText(exponent: number): string {
  return `${exponent < 0 ? "-" : "+"}${String(Math.abs(exponent)).padStart(2, "0")}`;
}

/** JavaScript writes numbers below 1e-6 with an exponent. */
function smallText(value: number, mantissa: string, exponent: number): string {
  const digits = mantissa.replace("-", "").replace(".", "");
  return `${value < 0 ? "-" : ""}0.${"0".repeat(-exponent - 1)}${digits}`;
}
