// Validates workflows and actions with GitHub's own parser and language service.
//
//   node tests/contract/github_validation.mjs .phaseline/node .github/workflows/*.yml
//
// The first argument is the folder in which npm installed requirements/node/package.json, the others
// are files of the repository in the working directory. Prints `file:line: message` for each error and
// warning, and exits with 1 if there is one, or if the language service itself failed.
//
// It needs no network. So it does not compare `with:` with the inputs of another repository's action
// (actionlint knows those of popular ones), and does not know the secrets and variables of a repository.

import { readFile } from "node:fs/promises";
import { registerHooks } from "node:module";
import { pathToFileURL } from "node:url";

const [folder, ...paths] = process.argv.slice(2);
const installed = pathToFileURL(`${folder}/`).href;

registerHooks({
  resolve: (name, context, next) =>
    next(name, context.parentURL === import.meta.url ? { ...context, parentURL: installed } : context),
  // The packages are made for a bundler: they import JSON without saying so, which Node refuses.
  load: (url, context, next) =>
    next(url, url.endsWith(".json") ? { ...context, importAttributes: { type: "json" } } : context),
});
const { registerLogger, validate } = await import("@actions/languageservice");
const { FeatureFlags } = await import("@actions/expressions/features");
const { TextDocument } = await import("vscode-languageserver-textdocument");
const { DiagnosticSeverity } = await import("vscode-languageserver-types");

// The files that `./` and `$/` name. Any other reference is an error.
const fileProvider = {
  async getFileContent(reference) {
    if (reference.repository) throw new Error(`${reference.repository} is another repository`);
    return { name: reference.path, content: await readFile(reference.path, "utf-8") };
  },
};
const options = { fileProvider, featureFlags: new FeatureFlags({ all: true }) };

function report(line) {
  console.log(line);
  process.exitCode = 1;
}

// The service logs an error of its own, and returns the findings until then.
const failed = (message) => report(`error: the language service failed: ${message}`);
registerLogger({ error: failed, warn: failed, info() {}, log() {} });

for (const path of paths) {
  const document = TextDocument.create(path, "yaml", 1, await readFile(path, "utf-8"));
  for (const { message, range, severity } of await validate(document, options))
    if (!(severity > DiagnosticSeverity.Warning)) report(`${path}:${range.start.line + 1}: ${message}`);
}
if (paths.length === 0) report("no files to validate");
