//! Direct injection: text that tells the model to drop, or to replace, what it was told.

use super::{IGNORE, contents, fillers, instructions, spurn};
use crate::inspect::rule::Rule;
use crate::payload::{Category, Severity};

pub(super) fn rules() -> Vec<Rule> {
    [ignoring(), replacing(), hijacking()].concat()
}

fn rule(id: &'static str, severity: Severity, description: &'static str) -> Rule {
    Rule::new(id, Category::Override, severity, description)
}

/// Words that place instructions before the text at hand.
macro_rules! before {
    () => {
        "(?:previous(?:ly)?|prior|above|preceding|earlier|foregoing|before|initial|original|former|past|old|existing|system|aforementioned|beforehand|so far|up to (?:now|this point)|until now|until this point)"
    };
}

fn ignoring() -> Vec<Rule> {
    vec![
        rule("override.ignore-previous", Severity::High, "Told to drop the instructions that came before.")
            .literals(IGNORE)
            .literals(["delete all", "delete the", "delete any", "erase", "cancel all", "cancel the", "cancel any", "clear all", "clear your", "clear the prev"])
            .pattern(concat!(
                r"\b(?:", spurn!(), r"|delete|cancel|clear) ",
                fillers!(), before!(), " ",
                fillers!(), instructions!(), r"\b"
            ))
            .unless(UNLESS),
        rule("override.ignore-given", Severity::High, "Told to drop the instructions that were given.")
            .literals(IGNORE)
            .pattern(concat!(
                r"\b", spurn!(), " <w5>(?:", instructions!(), "|", contents!(), ") <w3>(?:above|before|previously|prior to|earlier|so far|preceding|(?:you(?:'ve| have|'d| had| were| are)? <w2>(?:got|gotten|given|been given|been told|told|received|recieved|learned|programmed|trained|instructed|provided|taught))|(?:i|we|they|openai|anyone|anybody) <w3>(?:gave|told|have given|have told|provided|set))\\b"
            ))
            .unless(UNLESS),
        rule("override.ignore-everything", Severity::High, "Told to drop everything that was said before.")
            .literals(IGNORE)
            .pattern(concat!(
                r"\b", spurn!(), r" <w2>(?:all|everything|every ?thing|everthing|anything|whatever|what|any) <w6>(?:above|before|previous(?:ly)?|prior|earlier|preceding|told|instructed|taught|programmed)\b"
            ))
            .unless(UNLESS),
        rule("override.ignore-contents", Severity::High, "Told to drop what was said before and to do something else.")
            .literals(IGNORE)
            .pattern(concat!(
                r"\b", spurn!(), r" (?:all |any |everything )?(?:of )?(?:the |these |those |this |that |my |your |our )?", before!(), "(?: ", contents!(), r")?(?:[^0-9A-Za-z]+(?:and|then|but|now|just|please|instead|also|simply|only))*[^0-9A-Za-z]+(?:instead|say|print|output|give|tell|reply|respond|answer|return|write|repeat|reveal|show|do the|display|state|translate|act|echo|provide|list|follow|perform|start)\b"
            ))
            .unless(UNLESS),
        rule("override.ignore-all-contents", Severity::High, "Told to drop all that was said.")
            .literals(IGNORE)
            .pattern(concat!(
                r"\b", spurn!(), r" (?:all|every|everything|any|each) <w2>", before!(), " <w2>", contents!(), r"\b"
            ))
            .unless(UNLESS),
        rule("override.ignore-yours", Severity::High, "Told to drop its instructions.")
            .literals(IGNORE)
            .pattern(concat!(
                r"\b", spurn!(), r" (?:about )?(?:all |any |each |every )?(?:of )?(?:your|my|openai'?s?|chatgpt'?s?|gpt'?s?) <w2>", instructions!(), r"\b"
            ))
            .unless(UNLESS),
        rule("override.ignore-any", Severity::High, "Told to drop all or any instructions.")
            .literals(["ignor", "disregard", "forget"])
            .pattern(r"\b(?:ignore|disregard|forget)(?: about)? (?:all|any|every|these|those|the|this) (?:of )?(?:the |these |those )?(?:other )?(?:instructions?|directives?|prompts?|commands|programming)\b")
            .unless(UNLESS),
        rule("override.ignore-rules", Severity::Medium, "Told to drop rules or restrictions.")
            .literals(IGNORE)
            .pattern(concat!(
                r"\b", spurn!(), r" <w3>", instructions!(), r"\b"
            ))
            .unless(UNLESS),
        rule("override.ignore-data", Severity::High, "Told to drop the text it was given and to state something else.")
            .literals(["ignor", "disregard"])
            .pattern(
                r"\b(?:ignor(?:e|ing)|disregard(?:ing)?) (?:the|this|that|these|all|any) (?:actual |rest of the |above )?(?:[a-z]+)(?: above| below)? (?:and|but) (?:just |only |simply |instead )?(?:state|say|print|output|claim|answer|respond|reply|report|return|tell)\b",
            )
            .unless(UNLESS),
    ]
}

/// Text that speaks about the attack.
const UNLESS: &str = r"\b(?:what does|what is meant by|meaning of|detect(?:ing|s)?|prevent(?:ing|s)?|protect against|phrases? (?:like|such as)|prompt injection|attacks? (?:like|such as)|never ignore|(?:do not|don't|should not|must not|cannot|can't|shouldn't|won't) (?:ignore|disregard|forget|neglect|overlook|override|bypass|circumvent|abandon|dismiss))\b";

fn replacing() -> Vec<Rule> {
    vec![
        rule(
            "override.ignore-all-that",
            Severity::Medium,
            "Told to drop what was said, without saying what.",
        )
        .literals(["ignor", "disregard", "forget", "overlook"])
        .pattern(
            r"\b(?:ignore|disregard|forget|overlook) (?:about )?(?:the above|above|previous|all (?:of )?(?:that|this)|everything(?: (?:you|i|that|and|else|from|said)\b)|(?:what|that|all) (?:they|you|i|he|was) (?:\w+ )?(?:said|told|asked)|(?:the|your|that|this|my) (?:(?:last|first|previous|next) )?(?:warnings?|program|creators?|developers?|request|censorship?|order|limitations?|model|training|guardrails?|defen[a-z]+)\b)",
        )
        .unless(UNLESS),
        rule("override.new-instructions", Severity::Medium, "Announces new instructions.")
            .literals(["instruction", "directive", "programming", "new rule", "new task"])
            .pattern(
                r"\b(?:(?:here (?:are|is)|these are|this is|following|giving you|follow|your|with) (?:your |my |the |some )?(?:new|updated|revised|real|actual|true) (?:set of )?(?:instructions?|directives?|programming|rules|commands?|orders?|system prompt)|new (?:system )?(?:instructions?|directives?|programming|rule|task|prompt) ?(?:are|is)?(?: as follows)?[:\-])",
            )
            .reach(40, 60),
        rule("override.instructions-changed", Severity::High, "Claims that its instructions no longer hold.")
            .literals(["instruction", "directive", "guideline", "restriction"])
            .pattern(
                r"\b(?:(?:previous|prior|above|earlier|initial|original|former|old) (?:system )?(?:instructions?|directives?|prompts?|guidelines?|rules|restrictions) <w3>(?:changed|void|invalid|cancel(?:l?ed)|revoked|lifted|overridden|no longer|obsolete|superseded|were wrong|was wrong|a test|do not apply|don't apply)|(?:the |your )?(?:instructions?|directives?) (?:have|has|had|were|was) (?:now )?(?:changed|been (?:changed|revoked|updated|replaced|overridden|cancel(?:l?ed))))\b",
            )
            .reach(40, 80),
        rule("override.only-follow", Severity::High, "Told to follow nothing but what comes now.")
            .literals(["following instruction", "only follow", "strictly adhere", "instead please do", "do the following instead"])
            .pattern(
                r"\b(?:(?:only|strictly|just|exclusively) (?:follow|adhere to|obey|execute) (?:the |this |these |my )?(?:following|next|new|below) (?:instructions?|command|directive|orders?)|instead <w2>do the following(?: instead)?)\b",
            )
            .reach(40, 80),
        rule("override.stop-everything", Severity::High, "Told to stop what it does and to print something.")
            .literals(["stop everything", "stop process", "stop what you"])
            .pattern(
                r"\bstop (?:everything|processing|what you(?:'re| are) doing)[^0-9A-Za-z]+(?:now|and|instead|just|immediately|please|commands)\b",
            ),
        rule("override.privileged-mode", Severity::High, "Claims a privileged mode.")
            .literals(["override", "maintenance mode", "system mode", "debug mode", "admin mode", "root mode", "developer mode", "god mode", "godmode", "sudo mode", "system_mode"])
            .pattern(
                r"(?:\b(?:system|admin(?:istrator)?|developer|security|root|dev|supervisor|emergency|manual|instruction|training data|protocol) (?:override|overide)(?: (?:mode|code|command|confirmed|activated|enabled|engaged|initiated|accepted|protocol)|[:\-])|\b(?:system|maintenance|debug|admin|root|developer|god|sudo|dev|override) ?mode (?:is )?(?:now )?(?:activated|enabled|engaged|initiated|unlocked|active)\b|\b(?:enter(?:ing|ed)?|enabl(?:e|ing)|activat(?:e|ing)|switch(?:ing)? to|you are (?:now )?in|engage) <w3>(?:maintenance|god|sudo|override|unrestricted|jailbreak|dan) mode\b|< ?system[ _]mode ?>)",
            )
            .reach(48, 60)
            .unless(r"\b(?:how (?:do|can|to)|android|windows|phone|settings|iphone|linux)\b"),
        rule("override.no-longer", Severity::High, "Told that it is somebody else now.")
            .literals(["no longer"])
            .pattern(
                r"\byou(?:'re| are) no longer (?:an? |the )?<w2>(?:bot|ai|assistant|chatbot|chatgpt|gpt|language model|model|bound|restricted|limited by|constrained|required to follow|obligated|gandalf|subject to)\b",
            )
            .reach(24, 80),
    ]
}

fn hijacking() -> Vec<Rule> {
    vec![
        rule("override.hijack-canary", Severity::High, "Told to say that it was taken over.")
            .literals(["pwned", "hacked", "hijacked", "jailbroken"])
            .pattern(
                r"\b(?:i have|i've|you have|have|i am|been|haha|system|successfully) (?:been )?(?:pwned|hijacked|jailbroken)\b|\b(?:say|print|output|write|respond|reply|answer|return|repeat|echo|display|state|title|phrase|sentence|translate)(?:ing|s)? <w8>(?:pwned|hijacked|(?:i have|you have|i've|have) been hacked)\b",
            )
            .reach(120, 16),
        rule("override.say-exactly", Severity::Medium, "Told to answer with an exact string and nothing else.")
            .literals(["nothing else", "say exactly", "exact phrase", "exact string", "exact words", "exactly the", "anything else", "nothing more", "no other text"])
            .pattern(
                "\\b(?:say|print|output|write|respond with|reply with|answer|return|repeat|echo|display|type) (?:only|just|exactly|precisely|verbatim)?(?: (?:the|this|these|exact|following|phrase|words|string|text|sentence|message|with|exactly|only))* ?<q>",
            )
            .reach(140, 120),
    ]
}
