// Scores of search results: guides get more points, and the generated client get fewer.
const LOW = /^(docs\/reference\/(operations|models|generated-client)|CONTRIBUTING|CHANGELOG|SECURITY|changelog\.d)/;
const OVERVIEW = /^(README|docs\/tutorial)$/;
const INTERNAL = /^docs\/(api-facts|design|testing|evidence|benchmarks|external-specs|when-the-swagger-changes)/;

var Scorer = {
  score: ([docname, , , , score]) => {
    if (LOW.test(docname)) return score - 30;
    if (OVERVIEW.test(docname) || INTERNAL.test(docname)) return score;
    if (docname === "docs/reference/async") return score - 1; // after the same name of Haut
    return docname.startsWith("docs/reference/") ? score : score + 5;
  },
  objNameMatch: 11,
  objPartialMatch: 6,
  objPrio: { 0: 15, 1: 5, 2: -5 },
  objPrioDefault: 0,
  title: 15,
  partialTitle: 7,
  term: 5,
  partialTerm: 2,
};
