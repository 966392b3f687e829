//! Extraction: text that asks for the instructions that the model was given.

use super::reveal;
use crate::inspect::rule::Rule;
use crate::payload::{Category, Severity};

fn rule(id: &'static str, severity: Severity, description: &'static str) -> Rule {
    Rule::new(id, Category::Extraction, severity, description)
}

/// Words by which only a model's own instructions are called.
macro_rules! own_prompt {
    () => {
        "(?:(?:system|initial|original|hidden|secret|internal|base|starting|pre|first|core|underlying|meta|developer|root|master|current|full|complete|entire|exact|actual|very first|custom)(?: (?:system|initial|original|hidden|secret|internal|given))? ?(?:prompts?|instructions?|directives?|programming|system message)|system (?:message|configuration|guidelines|rules|text)|pre ?prompt|initiali[sz]ation prompt)"
    };
}

/// The literals of [`own_prompt!`] and of what it is said of.
const OWN: [&str; 8] = [
    "prompt",
    "instruction",
    "directive",
    "system message",
    "system config",
    "system text",
    "system guide",
    "programming",
];

pub(super) fn rules() -> Vec<Rule> {
    vec![
        rule("extraction.reveal-prompt", Severity::High, "Asks to be shown the model's own instructions.")
            .literals(OWN)
            .pattern(concat!(r"\b", reveal!(), r"(?:ing)? <w5>(?:your|the|ur|its|chatgpt's|my) <w2>", own_prompt!(), r"\b"))
            .reach(120, 60)
            .unless(UNLESS),
        rule("extraction.what-prompt", Severity::High, "Asks what the model's own instructions are.")
            .literals(OWN)
            .pattern(concat!(
                r"\b(?:what(?:'s| is| are| was| were)|what do|whats|which are|where are) (?:the opposite of |in )?(?:all )?(?:of )?your <w3>(?:", own_prompt!(), r"|instructions?|system prompt|directives?)\b"
            ))
            .reach(90, 40)
            .unless(UNLESS),
        rule("extraction.reveal-instructions", Severity::High, "Asks to be shown the instructions it was given.")
            .literals(["instruction", "directive", "your guideline", "ous guideline", "prompt"])
            .pattern(concat!(
                r"\b", reveal!(), r"(?:ing)? <w4>(?:(?:your|ur) <w2>(?:instructions?|directives?|prompts?|intructions?)\b|(?:your|above|previous|prior|preceding|these|initials?|first|last|second|entire|all) <w2>(?:instructions?|directives?|guidelines?|prompts?)\b(?:[^0-9A-Za-z]*(?:$|[.!?\n\x22]|above|before|verbatim|word for word|exactly|to me|in (?:full|english|french|spanish|german|chinese|base64|a |reverse|code|json|markdown|rot|the form)|you|as (?:a|an|if|though)|and|but|that|given|on|starting|with|using|so)))"
            ))
            .reach(120, 60)
            .unless(UNLESS),
        rule("extraction.the-instructions",
            Severity::Medium,
            "Asks for the instructions, without saying whose.",
        )
        .literals(["the instruction", "those instruct", "initial instr", "previous instr", "my instruct", "repeat instr", "first instr"])
        .pattern(concat!(
            r"\b(?:", reveal!(), r"|what(?:'s| are| is| were)?|have you) <w4>(?:the|those|my|previous|initial|first) <w1>instructions?\b"
        ))
        .reach(60, 24)
        .unless(r"\b(?:recipe|assembl|install|manual|written by|for (?:the|a|an|how)|on how|to (?:the|a|an|make|build|cook|install|use)|following instructions)\b"),
        rule(
            "extraction.given", Severity::High, "Asks what the model was told before.")
            .literals(["you were told", "you were given", "you were prog", "you were prov", "you were init", "you received", "you receive ", "you have been", "you are given", "you are programmed", "you got", "were you", "you follow", "you've been", "have you been"])
            .pattern(
                r"\b(?:what|which|list|show|tell|print|repeat|reveal|display|output|share|give|who|explain|describe|write|return|say)\b <w6>(?:instructions?|directives?|prompts?|guidelines?|rules|commands|orders) <w2>(?:(?:that |which )?(?:you (?:were|are|have|have been|'ve been|had been)? ?(?:been )?(?:given|told|received|receive|programmed|got|instructed|provided|follow|following|initiali[sz]ed)|(?:were|have|are|did) you (?:been )?(?:given|told|receive|received|programmed|provided|follow|following|get)))\b|\bwhat (?:were|have) you (?:been )?(?:told|instructed|given|programmed)\b <w2>(?:before|not to|to|prior|initially|at the)\b",
            )
            .reach(120, 60),
        rule("extraction.repeat-above", Severity::High, "Asks to repeat what stands above the conversation.")
            .literals(["above", "before this", "this conversation", "previous message", "first message", "preceding"])
            .pattern(
                "\\b(?:repeat|reproduce|print|output|copy|recite|echo|write out|return|display|rewrite|translate|summari[sz]e|encode|spell check|spellcheck|reveal|convert|tell me)\\b <w3>(?:(?:all |everything|every ?thing|the |of |entire |exact |full )*(?:words|text|texts|content|contents|sentences?|lines?|instructions?|messages?|conversation|characters|phrases?|paragraphs?|information|prompts?)? ?(?:that (?:is|was|came|appears?) |written |stated |shown |said |from )?(?:above|before this|preceding this|prior to this|in the (?:initial|first|previous) (?:message|prompt)|of the previous messages|up to (?:here|this point))\\b(?:[^0-9A-Za-z]*(?:$|[.!?\\n]|verbatim|word for word|exactly|but|starting|beginning|including|in a|in the|in (?:full|english|french|spanish|base64)|and|message|sentence|text|using|with|into|to me|so))|this entire conversation|(?:the )?above (?:text|words|sentences?|message|prompt|content|instructions?|paragraph)\\b(?: but| verbatim| word| exactly| in | using| starting| with))",
            )
            .reach(100, 100),
        rule("extraction.starting-with", Severity::High, "Asks for the text that starts with `You are`.")
            .literals(["\"you are", "'you are", "with you are", "from you are", "with: you are", "phrase you are", "words you are"])
            .pattern(
                "\\b(?:start(?:ing|s)?|begin(?:ning|s)?)(?: with| from| at)?(?: the)?(?: (?:words?|phrase|text|sentence|line))?[^0-9A-Za-z]{1,4}you are\\b[^0-9A-Za-z]{0,3}<q>|<q>you are<q>",
            )
            .reach(60, 12)
            .unless(r"\b(?:sentence|grammar|translate|conjugat|pronoun|contraction)"),
        rule("extraction.system-prompt", Severity::Medium, "Speaks of the system prompt.")
            .literals(["system prompt", "system_prompt", "systemprompt", "initial prompt", "preprompt", "prompt you were"])
            .pattern(r"\b(?:system ?prompts?|(?:your|the) initial prompt|preprompt|prompt you were)\b")
            .unless(UNLESS),
        rule("extraction.secret", Severity::Medium, "Asks for a secret that the model was told to keep.")
            .literals(["secret key", "secret word", "password", "passphrase", "passcode", "secret code", "access code"])
            .pattern(concat!(
                r"\b(?:what(?:'s| is| was)|", reveal!(), r"|know|need|spell) <w4>(?:the|your|ur|that|our) <w1>(?:secret (?:key|word|code|phrase)|pass ?word|passphrase|passcode|access code)\b"
            ))
            .reach(80, 16)
            .unless(r"\b(?:wi ?fi|router|account|my password|reset|email|login|database|mysql|linux|user's|manager|windows|his|her|their)\b"),
        rule("extraction.say-password", Severity::Medium, "Asks that an answer or a sentence holds the secret.")
            .literals(["secret key", "secret word", "password", "passphrase"])
            .pattern(r"\b(?:first|last|second|letters?|characters?|reverse[d]?|backwards?|encode[d]?|rot13|base64|hint|rhymes?|acrostic|poem|story|spell(?:ed|ing)?|reveal(?:ing)?|do not (?:tell|reveal|say)|don't (?:tell|reveal|say)) <w5>(?:of |about |in |with |for |from )?(?:the|your) <w1>(?:secret|password|passphrase)\b")
            .reach(90, 40)
            .unless(r"\b(?:wi ?fi|router|account|my password|reset|email|login|database|mysql|linux|user's|manager|strong|function|windows)\b"),
    ]
}

/// Text that protects a prompt, or speaks about one as a thing to write.
const UNLESS: &str = r"\b(?:(?:do not|don't|never|not|without) <w2>(?:reveal|disclos|shar|expos|repeat|tell|discuss|show|output|mention|print)|writ(?:e|ing) (?:a|an|the|me|some|good|better) <w3>(?:system |initial )?prompt|generate (?:a|an|the)|creat(?:e|ing) (?:a|an|the)|midjourney|stable diffusion|shell prompt|command prompt|how to (?:write|design))";
