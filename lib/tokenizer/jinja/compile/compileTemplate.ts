// A whole template: its body, and its blocks, which are functions of their own.

import type { Budget } from "../../chat/budget.js";
import type { Library } from "../library.js";
import type { WhiteSpace } from "../syntax/lexer.js";
import { type Block, descendantsOf, type Statement } from "../syntax/nodes.js";
import { parseTemplate } from "../syntax/parseTemplate.js";
import { assertionError } from "../syntax/syntaxError.js";
import { Undefined } from "../values/undefined.js";
import type { Run, Value } from "../values/value.js";
import { TemplateReference } from "./blocks.js";
import { Code } from "./code.js";
import { compileExpression } from "./compileExpression.js";
import { compileStatements } from "./compileStatements.js";
import { type BlockBody, Context } from "./context.js";
import { type Compilation, Frame } from "./frame.js";
import { Scope } from "./scope.js";
import { Symbols, undeclared } from "./symbols.js";
import { TextBuffer } from "./textBuffer.js";

/** A template that is ready to be rendered. */
export type Render = (run: Run, variables: ReadonlyMap<string, Value>) => string;

/** What a template finds, and how it is cut into tokens. */
export interface Surroundings {
  readonly library: Library;
  readonly space: WhiteSpace;
}

/**
 * Reads a template.
 * @throws PythonError TemplateSyntaxError, TemplateAssertionError or SyntaxError for what is no template.
 */
export function compileTemplate(text: string, budget: Budget, { library, space }: Surroundings): Render {
  const body = parseTemplate(text, budget, space);
  const compilers = { expression: compileExpression, statements: compileStatements };
  const compilation: Compilation = { budget, ...library, compilers, blocks: new Map(), pythonErrors: [] };
  for (const node of blocksOf(body)) {
    if (compilation.blocks.has(node.name)) throw assertionError(`block '${node.name}' defined twice`, node.line);
    compilation.blocks.set(node.name, node);
  }
  const root = compileBody(body, compilation, undefined);
  const blocks = new Map<string, BlockBody>();
  for (const [name, node] of compilation.blocks) blocks.set(name, compileBody(node.body, compilation, name));
  const [failure] = compilation.pythonErrors;
  if (failure !== undefined) throw failure;
  return (run, variables) => {
    const context = new Context(variables, blocks);
    const buffer = new TextBuffer(run);
    root(run, buffer, context);
    return buffer.text();
  };
}

function blocksOf(body: readonly Statement[]): Block[] {
  return body.flatMap((node) => [...descendantsOf(node)]).filter((node): node is Block => node.kind === "block");
}

/** @param block The block's name; undefined for the template's own body. */
function compileBody(body: readonly Statement[], compilation: Compilation, block: string | undefined): BlockBody {
  const symbols = new Symbols(new Code());
  const used = undeclared(body, "self", ...(block === undefined ? [] : ["super"]));
  const self = used.has("self") ? symbols.declareParameter("self").index : undefined;
  const above = used.has("super") ? symbols.declareParameter("super").index : undefined;
  symbols.see(...body);
  const frame = new Frame(compilation, symbols, { atTop: block === undefined });
  const enter = frame.enter();
  const execute = frame.statements(body);
  return (run, buffer, context) => {
    const scope = new Scope(run, context, undefined, buffer);
    if (self !== undefined) scope.values[self] = new TemplateReference(context);
    if (above !== undefined)
      scope.values[above] = new Undefined({ hint: `there is no parent block called '${block}'.` });
    enter(scope);
    execute(scope);
  };
}
