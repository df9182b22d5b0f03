// Prints the corpus, a case a line: `node tests/vectors/generate.mjs > tests/vectors/corpus.jsonl`. The same bytes at every
// run, and nothing but Node's own modules. The verdicts are written by hand in the tables, from the RFCs and DESIGN.md.
import algorithm from "./generate/families/algorithm.mjs";
import claims from "./generate/families/claims.mjs";
import flips from "./generate/families/flips.mjs";
import form from "./generate/families/form.mjs";
import header from "./generate/families/header.mjs";
import honest from "./generate/families/honest.mjs";
import json from "./generate/families/json.mjs";
import signature from "./generate/families/signature.mjs";

/** What would count twice, or stand there for no reason, is a mistake in the tables. */
function check(cases) {
  const [ids, questions] = [new Set(), new Map()];
  for (const { case: { id, ...question }, why } of cases) {
    const asked = JSON.stringify(question);
    if (ids.has(id)) throw new Error(`two cases are called ${id}`);
    if (questions.has(asked)) throw new Error(`${id} asks the same as ${questions.get(asked)}`);
    if (!/RFC|FIPS/.test(why)) throw new Error(`${id} names no standard`);
    ids.add(id);
    questions.set(asked, id);
  }
  return cases;
}

const tables = check([...honest, ...algorithm, ...signature, ...header, ...json, ...claims, ...form]);
process.stdout.write([...tables, ...flips].map((one) => `${JSON.stringify(one)}\n`).join(""));
