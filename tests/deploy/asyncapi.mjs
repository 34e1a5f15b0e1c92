// Checks AsyncAPI documents with the parser of the AsyncAPI initiative; prints what is wrong.
//   node asyncapi.mjs FOLDER_OF_NODE_MODULES FILE…
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";

const [modules, ...files] = process.argv.slice(2);
const { Parser } = createRequire(`${modules}/`)("@asyncapi/parser");
let wrong = 0;
for (const file of files) {
  const { document, diagnostics } = await new Parser().parse(readFileSync(file, "utf8"));
  const found = diagnostics.filter((one) => one.severity <= 1);
  for (const one of found) {
    console.log(`${file}: ${one.severity ? "warning" : "error"} ${one.path.join(".")}: ${one.message}`);
  }
  wrong += found.length + (document ? 0 : 1);
  if (document) {
    const count = (all) => all.all().length;
    console.log(`${file}: ${count(document.channels())} channels, ${count(document.messages())} messages`);
  }
}
process.exit(wrong ? 1 : 0);
