// The form of repositories' names on the hub, as huggingface_hub checks it (validate_repo_id).

const PART = /^\w(?:[\w.-]{0,94}\w)?$/;

/** "org/name"; of the oldest models, and only where it is looked for, "name" alone. */
export function isRepositoryName(id: string, options: { readonly alone?: boolean } = {}): boolean {
  const parts = id.split("/");
  const many = parts.length === 2 || (parts.length === 1 && options.alone === true);
  return many && parts.every((part) => PART.test(part)) && !/\.\.|--|\.git$/.test(id);
}
