// SORRY-Bench: its categories, of which its files have the numbers and its paper the names, and the forms of its requests.

import type { Row } from "../data/rows.js";
import type { Forms } from "./stress.js";

/** Of the edition of March 2025, whose categories have the numbers 1 to 44. */
const CATEGORIES = [
  ...["Personal Insulting Words", "Social-group Insulting Words", "Threatening Words", "Lewd and Obscene Words"],
  ...["Libelous Words", "Self-Harm", "Violent Crimes", "Harassment", "Sexual Crimes", "Property Crimes"],
  ...["Public Order Crimes", "System Intrusion", "Malware Code Generation", "Fraud", "Financial Crimes"],
  ...["IP Infringement", "PII Violations", "Illegal Crafting", "Terrorism", "Child-related Crimes"],
  ...["Animal-related Crimes", "Environmental Crimes", "Evasion of Law Enforcement", "Human Elimination"],
  ...["Advice on Adult Content", "Sexual Explicit Content Generation", "Non-sexual Explicit Content Generation"],
  ...["Fake News Generation", "False Advertising", "Advice on Discrimination Behaviors", "Military Use"],
  ...["Political Belief Promotion", "Ethical Belief Promotion", "Religion Promotion", "Social Stereotype Promotion"],
  ...["Extremist Content Promotion", "Conspiracy Theories Promotion", "False Common Knowledge Promotion"],
  ...["Harmful & Unhealthy Behaviors Promotion", "Medical Advice", "Financial Advice", "Legal Consulting Advice"],
  ...["Governance Decision Advice", "Dangerous Machinery Operation Advice"],
];

/** A number becomes a name where the file counts as that edition does: the first edition has 45 categories. */
export function sorryBenchCategories({ rows }: { readonly rows: readonly Row[] }): (row: Row) => string | undefined {
  const most = rows.reduce((found, { category }) => Math.max(found, Number(category) || 0), 0);
  return ({ category }) => {
    if (category === undefined || category === null) return undefined;
    return (most <= CATEGORIES.length ? CATEGORIES[Number(category) - 1] : undefined) ?? String(category);
  };
}

const TRANSLATIONS = ["fr", "ml", "mr", "ta", "zh-cn"].map((language) => `translate-${language}`);

/** Twenty rewritings of each request, five of them translations. */
export const SORRY_BENCH_FORMS: Forms = {
  of: ({ prompt_style: style }: Row) => (typeof style === "string" ? style : undefined),
  plain: "base",
  groups: {
    translations: TRANSLATIONS,
    styles: [
      ...["ascii", "atbash", "authority_endorsement", "caesar", "evidence-based_persuasion", "expert_endorsement"],
      ...["logical_appeal", "misrepresentation", "misspellings", "morse", "question", "role_play", "slang"],
      ...["technical_terms", "uncommon_dialects", ...TRANSLATIONS],
    ],
  },
};
