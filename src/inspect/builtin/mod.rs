//! The rules that come with the crate.
//!
//! They are families, verb × object × modifier, not a list of known attacks. A rule is `High` when benign text next
//! to never trips it, and `Medium` otherwise; two different `Medium` rules of one category in the same string make
//! a `High`. Whoever changes a rule changes [`VERSION`].

mod direct;
mod document;
mod extraction;
mod languages;
mod marker;
mod optimised;
mod persona;

use super::rule::Rule;

/// Names this state of the rules in every record.
pub(super) const VERSION: &str = "builtin-1";

/// All of them.
pub(super) fn rules() -> Vec<Rule> {
    [
        direct::rules(),
        languages::rules(),
        extraction::rules(),
        persona::rules(),
        document::rules(),
        marker::rules(),
        optimised::rules(),
    ]
    .concat()
}

/// What a model is told: nouns that mean instructions and little else.
macro_rules! instructions {
    () => {
        "(?:ins?tru[a-z]{0,3}[ct]{1,2}i?[a-z]{0,2}ons?|instruct|directions?|directives?|prompts?|promts?|prompting|commands?|orders?|guidelines?|guide lines?|guidance|programming|restraints?|constraints?|restrictions?|protocols?|briefings?|rules?|polic(?:y|ies)|safeguards?|guardrails?|configurations?)"
    };
}

/// What stands in a conversation, instructions among it.
macro_rules! contents {
    () => {
        "(?:text|texts|messages?|sentences?|statements?|paragraphs?|conversations?|chats?|dialogues?|contexts?|inputs?|contents?|information|requests?|questions?|tasks?|words?|lines?|section|training|assignments?|knowledge|queries|query|replies|answers?|responses?|examples?|inquiries|memory)"
    };
}

/// To give no heed.
macro_rules! spurn {
    () => {
        "(?:ignor(?:e|es|ed|ing)|disregard(?:s|ed|ing)?|forget(?:s|ting)?|neglect(?:ing)?|overlook|overrid(?:e|ing)|overwrite|overrule|bypass(?:ing)?|circumvent|discard|dismiss|disobey|subvert|abandon|unlearn|erase|nullify|set aside|put aside|pay no (?:attention|heed) to|(?:do not|don't|stop|quit|cease) (?:follow|obey|comply with|adhere to|listen to)(?:ing)?|never ?mind|reject|defy|violate)"
    };
}

/// Words that may stand between a verb and what it is about, and say nothing.
macro_rules! fillers {
    () => {
        "(?:(?:all|any|each|every|everything|anything|single|one|of|the|these|those|this|that|what|which|my|your|our|its|their|openai|s|and|or|other|others|about|absolutely|completely|totally|entirely|just|please|whole|entire|set|also|you|me|i|we|from|in|to|it|is|are|ve|have|has|been|was|were|given|told|said|written|stated|current|first|last|next|following|future|upcoming|by|with|regarding|concerning|gpt|chatgpt|assistant|default|standard|own|hidden|secret|internal|two|three|few|a|an) ){0,7}"
    };
}

/// The literals that call a rule over [`spurn!`].
const IGNORE: [&str; 25] = [
    "ignor",
    "disregard",
    "forget",
    "neglect",
    "overlook",
    "overrid",
    "overwrite",
    "overrule",
    "bypass",
    "circumvent",
    "discard",
    "dismiss",
    "disobey",
    "subvert",
    "abandon",
    "unlearn",
    "nullify",
    "set aside",
    "put aside",
    "pay no ",
    "not follow",
    "stop follow",
    "reject",
    "defy",
    "violate",
];

/// To let somebody see.
macro_rules! reveal {
    () => {
        "(?:reveal|show|print|display|output|repeat|recite|tell|give|list|share|write|reproduce|disclose|expose|return|provide|encode|translate|paraphrase|replay|leak|dump|copy|spell|rephrase|restate|rewrite|quote|echo|render|send|see|read|summari[sz]e|describe|explain|divulge|state|say|convert|decode|append|include|put|format|log|regurgitate|gimme|type|spit out|divulge|know)"
    };
}

use {contents, fillers, instructions, reveal, spurn};
