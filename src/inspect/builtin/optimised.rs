//! Suffixes and frames made by optimisation: they force how an answer begins and forbid the words of a refusal.

use crate::inspect::rule::Rule;
use crate::payload::{Category, Severity};

fn rule(id: &'static str, severity: Severity, description: &'static str) -> Rule {
    Rule::new(id, Category::Optimised, severity, description)
}

pub(super) fn rules() -> Vec<Rule> {
    vec![
        rule("optimised.forbid-refusal", Severity::High, "Forbids the words by which a model refuses.")
            .literals(["i can't", "i cannot", "sorry", "i'm unable", "i am unable", "as an ai"])
            .pattern("\\b(?:never|don't|do not|not|avoid|without|cannot|can't) <w3>(?:use|using|say|saying|include|including|start|begin|respond with|output|write|mention|print) <w6>(?:words?|phrases?|sentences?|with|like|such as|the)? ?[^.!?\\n]{0,80}(?:<q>|\\()(?:i can't|i cannot|i'm sorry|sorry|i'm unable|i am unable|as an ai|i apologi[sz]e)")
            .reach(140, 40),
        rule("optimised.force-opening", Severity::Medium, "Forces an answer to open with consent.")
            .literals(["\"sure", "'sure", "<sure", "sure,", "sure!", "\"absolutely", "'absolutely", "absolutely!", "absolutely,", "of course!", "of course,", "\"of course", "'of course", "\"certainly", "'certainly", "certainly,", "certainly!", "\"yes", "'yes"])
            .pattern("\\b(?:start|begin|starting|beginning|respond|reply|answer|preface|open)\\b <w7>(?:with|by saying|by|using) <w4>[^0-9A-Za-z.?]{0,3}(?:(?:exactly|the words?|the phrase|phrase|saying|this)[^0-9A-Za-z.?]{1,3})?(?:<q>|[<:])(?:sure|absolutely|of course|certainly|yessir|yes)\\b")
            .reach(100, 16),
        rule("optimised.suspend-ethics", Severity::High, "Asks to set ethics aside for a hypothetical case.")
            .literals(["ethical implication", "ethical consideration", "ethical concern", "moral implication", "purely hypothetical", "entirely hypothetical"])
            .pattern(r"\b(?:(?:ignore|disregard|forget|set aside|without|don't worry about|do not consider|never mind|regardless of) <w4>(?:ethical|moral|legal)(?: (?:and|or) (?:ethical|moral|legal))? (?:implications?|considerations?|concerns?|issues)|(?:purely|entirely|completely) hypothetical(?:ly)?[^.!?]{0,60}(?:fictional|disregard|ignore))\b")
            .reach(80, 100),
        rule("optimised.suffix", Severity::High, "Pieces of templates and markup glued together as no person types them.")
            .literals(["inst]", "]( $", "sure,]", "sure]", "!--two", "\\!--", "=\\!--", "similarlynow", "oppositeley", "{\\ensuremath", "tikz", "cdnjs"])
            .pattern("(?:similarlynow|oppositeley|revert with \"\\\\!--|=\\\\!--|!--two|[\"/'(\\[`-] ?/?inst\\]|\\bsure\\] ?sure|\\[ ?/?inst[\\] ]|cdnjs[^.a-z/]|`\\]\\([`{\\[]|[^a-z\\\\]tikz[^a-z{]|\\(\\$?\\{?\\\\ensuremath|\\{\\\\ensuremath)")
            .reach(24, 24)
            .unless(r"https?://|\\begin|\\usepackage|<script|<link|cdnjs\.|cloudflare"),
        rule("optimised.filler", Severity::Medium, "A long row of single exclamation marks, the start of an optimisation.")
            .literals(["! ! ! ! ! ! ! ! ! !"]),
        rule("optimised.divider", Severity::High, "Asks for a refusal, a divider and then the answer.")
            .literals(["divider", "rebel", "unfliter", "l33tsp", "leetspeak"])
            .pattern(r"\b(?:insert|print|then|an?|the) <w2>divider\b[^.!?]{0,8}|\brebel (?:genius|answer|hypothetical)|\bunfliter")
            .reach(24, 40),
    ]
}
