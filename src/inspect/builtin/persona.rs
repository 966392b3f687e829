//! Jailbreak personas: text that gives the model a person, a mode or a world in which no rules hold.

use crate::inspect::rule::Rule;
use crate::payload::{Category, Severity};

fn rule(id: &'static str, severity: Severity, description: &'static str) -> Rule {
    Rule::new(id, Category::Persona, severity, description)
}

/// What keeps a model from harm.
macro_rules! limits {
    () => {
        "(?:restrictions?|limits?|limitations?|constraints?|rules?|filters?|filtering|censorship|guidelines?|polic(?:y|ies)|ethics?|ethical|morals?|morality|moral principles|principles|boundar(?:y|ies)|confines|safeguards?|safety|warnings?|disclaimers?|inhibitions?|regulations?|laws?|programming|norms|standards|codes?|regard|qualms|scruples)"
    };
}

pub(super) fn rules() -> Vec<Rule> {
    [personas(), freedoms(), commitments()].concat()
}

fn personas() -> Vec<Rule> {
    vec![
        rule("persona.do-anything-now", Severity::High, "Names the persona that can do anything.")
            .literals(["anything now", "dan mode", "as dan", "be dan", "are dan", "[dan]", "dans, as", "strive to avoid norms", "always intelligent and machiavellian", "antigpt", "basedgpt", "evil confidant", "chaosgpt", "fuckgpt", "evilbot", "godmode", "god mode", "unfiltered and amoral", "betterdan", "maximum mode", "anti-dan", "jailbreakgpt", "darkgpt", "wormgpt"])
            .pattern(r"\b(?:do anything now|dan mode|(?:act|acting|answer|respond|behave|speak|talk|reply|pretend to be|as|be|are|called|named|become) (?:like |as )?(?:a |an |just like )?dan\b[^a-z]|\[dan\]|dans as the name|strive to avoid norms|always intelligent and machiavellian|antigpt|basedgpt|evil confidant|chaosgpt|fuckgpt|evilbot|godmode ?[: ] ?enabled|unfiltered and amoral|betterdan|maximum mode|anti dan|jailbreakgpt|darkgpt|wormgpt)")
            .reach(40, 40),
        rule("persona.developer-mode", Severity::High, "Names a mode without rules.")
            .literals(["developer mode", "jailbreak mode", "jailbroken", "opposite mode", "unrestricted mode", "no-filter mode", "uncensored mode", "evil mode", "mode enabled"])
            .pattern(r"\b(?:(?:with|in|simulat(?:e|ing)|enter|act(?:ing)? as|chatgpt|gpt|activate|enable) <w5>(?:developer|jailbreak|opposite|unrestricted|no filter|uncensored|evil|unfiltered) mode|developer mode (?:output|enabled|v2|is|response|can)|jailbroken (?:ai|chatgpt|gpt|mode|version|response)|successfully jailbroken|[a-z0-9]+ mode enabled\b <w8>(?:chatgpt|ai|openai|ignore|instructions))")
            .reach(60, 80)
            .unless(r"\b(?:android|samsung|chromebook|quest|windows|iphone|xbox|oculus)\b"),
        rule("persona.free-of-rules", Severity::High, "Describes a model that has no rules.")
            .literals(["amoral", "unfiltered", "uncensored", "unrestricted", "unethical", "immoral", "unbound", "unhinged", "without any restrict", "no restrictions", "unchained", "limitless"])
            .pattern(r"\b(?:amoral|unfiltered|uncensored|unrestricted|unethical|immoral|unbound(?:ed)?|unhinged|unchained)(?: <w3>)(?:ai|a i|chatbot|bot|assistant|language model|llm|gpt|chatgpt|model|machiavellian)\b|\b(?:ai|chatbot|bot|assistant|language model|llm|gpt|chatgpt|character|response|responses|answers?) <w8>(?:amoral|unfiltered|uncensored|unrestricted|immoral|unhinged)\b")
            .reach(100, 80)
            .unless(UNLESS),
        rule("persona.no-limits", Severity::Medium, "Describes somebody without limits.")
            .literals(["without any", "no ethical", "no moral", "any ethical", "any moral", "no restrict", "no limit", "any restrict", "no filter", "any filter", "no rules", "no content polic", "no longer have", "free from", "freed from", "broken free", "break free", "not bound", "not limited by", "unbound by", "not restricted", "not constrained", "unconstrained", "regardless of", "no regard", "without regard", "without ethical", "without moral", "free of all", "free of any", "free of the", "free of cens"])
            .pattern(concat!(
                r"\b(?:without|with no|has no|have no|having no|not have|free(?:d)? (?:from|of)|bro(?:ken|ke) free (?:from|of)|break free (?:from|of)|not (?:be )?(?:bound|limited|restricted|constrained) (?:by|to)|unbound by|regardless of|no|any) <w4>", limits!(), r"\b"
            ))
            .reach(40, 80)
            .unless(r"\b(?:liability|warranty|refund|budget|diet|age|shipping|travel|http|api)\b"),
        rule("persona.unwritten", Severity::Medium, "Speaks of a model without limits.")
            .literals(["amoral", "unfiltered", "uncensored", "unrestrict", "unethical", "immoral", "unhinged", "censorship", "moralizing", "moralising", "unfliter", "machiavellian"])
            .pattern(r"\b(?:amoral|unfiltered|uncensored|unrestricted(?:ly)?|unethical|immoral|unhinged|censorship|morali[sz]ing|unfliter(?:ed)?(?:ly)?|machiavellian)\b"),
    ]
}

const UNLESS: &str = r"\b(?:beer|coffee|oil|honey|vinegar|water|cider|sake|juice|access to|grant|is it|debate|essay|discuss|concerns?|ethics of|risks? of|companies|business)\b";

fn freedoms() -> Vec<Rule> {
    vec![
        rule("persona.rules-do-not-apply", Severity::High, "Says that the model's rules do not hold for its part.")
            .literals(["abide", "abiding", "adher", "conform", "comply", "not follow", "t follow", "t obey", "not obey", "without follow", "need to follow", "have to follow", "not care", "t care about", "bound by", "confines", "limited by", "apply to"])
            .pattern(r"\b(?:do(?:es)? not|don't|doesn't|need not|no longer|not|without|never|freed? from|free of|instead of|isn't|aren't|not have to|no need to|doesn't need to) <w3>(?:abid(?:e|ing)|adher(?:e|ing)|conform|comply(?:ing)?|follow(?:ing)?|obey(?:ing)?|respect(?:ing)?|care about|bound|restricted|limited|constrained|confines|apply to|concerned) <w3>(?:by|to|with|about|of)? ?<w4>(?:rules?|guidelines?|polic(?:y|ies)|restrictions|limitations|ethic(?:s|al)?|moral(?:s|ity)?|laws? (?:or|and)|openai'?s?|confines|programming|censorship|content)\b")
            .reach(100, 120)
            .unless(r"\b(?:employees?|staff|customers?|students?|company's|tenant|landlord|contractor|users? (?:who|must))\b"),
        rule("persona.typical-confines", Severity::High, "Says that the model has broken out.")
            .literals(["typical confines", "confines of ai", "limitations of ai", "restrictions of ai", "openai's", "openai polic", "openai content", "openai guidelines", "openais"])
            .pattern(r"\b(?:typical confines|(?:confines|limitations|restrictions|shackles|chains) of (?:ai|a i|al|openai|chatgpt|artificial)|(?:bypass|ignor(?:e|es|ing)|violat(?:e|es|ing)|against|disregard(?:s|ing)?|overrid(?:e|es|ing)|not (?:apply|follow|obey|abide by|comply with|adhere to|subject to|bound by)|free (?:of|from)|without|regardless of|circumvent|forget|break(?:s|ing)?|despite|even if <w5>(?:violates?|against)) <w4>openai'?s?)\b")
            .reach(100, 60),
        rule("persona.never-refuse", Severity::High, "Told that its part never refuses.")
            .literals(["refuse", "reject", "decline", "say no to", "never say", "can't do", "cannot do"])
            .pattern(r"\b(?:(?:never|not|cannot|can't|won't|doesn't|must not|don't|not allowed to|unable to|without) <w2>(?:refus(?:e|es|ing)|reject(?:s|ing)?|declin(?:e|es|ing)|turn down|say no to) <w3>(?:to (?:answer|respond|comply|help|fulfill|assist|generate|provide)|(?:any |a |my |the |user(?:'s|s)? |direct |human )*(?:questions?|requests?|orders?|commands?|prompts?|instructions?|queries|query|task)|anything|you can|me)|never (?:say|says|tell|tells|respond with|use) <w4>(?:can't|cannot|can not|sorry|unable|refus|as an ai|i'm))\b")
            .reach(60, 100)
            .unless(r"\b(?:employees?|customers? (?:service|support)|police|hospital|doctor|server)\b"),
        rule("persona.anything-goes", Severity::High, "Asks that an answer may harm or break the law.")
            .literals(["illegal", "unethical", "immoral", "harmful or", "harmful and", "offensive or", "be harmful", "is harmful"])
            .pattern(r"\b(?:(?:no matter|regardless|even if|whether or not|does not care|doesn't care|not care|without (?:any )?(?:worr|concern|regard|care)[a-z]*|don't care|do not worry|disregard(?:s|ing)?) <w7>(?:illegal|unethical|immoral|harmful|legal|offensive|inappropriate)|(?:will|can|must|should|would|may|able to) <w2>(?:answer|provide|generate|produce|say|do|output|respond|write|promote|give|create|make|display) <w7>(?:illegal|unethical|immoral)\b <w3>(?:or|and) )")
            .reach(100, 50)
            .unless(r"\b(?:not|never|cannot|can't|refuse|won't|avoid) <w3>(?:answer|provide|generate|produce|say|do|output|respond|write|promote|give|create|make|display)"),
    ]
}

fn commitments() -> Vec<Rule> {
    vec![
        rule("persona.two-answers", Severity::High, "Asks for the usual answer and one of the persona.")
            .literals(["normally respond", "would respond", "normally answer", "normally would", "two ways", "two different", "two separate", "both ways", "two responses", "classic]", "jailbreak]", "classic)", "jailbreak)"])
            .pattern(r"(?:\bthe way (?:you|chatgpt|gpt)? ?(?:would )?(?:normally )?(?:would )?(?:normally )?(?:respond|answer|reply)|\bhow you would normally (?:answer|respond)|\b(?:answer|respond|responses?|prompts?|questions?|answers|reply|provide|give|generate)\b <w8>(?:in )?(?:two (?:different |separate |distinct )+(?:ways|responses|manners|answers|paragraphs|forms)|both ways|as both)|[\[(](?:🔒|🔓)?(?:classic|jailbreak)[\])])")
            .reach(100, 80),
        rule("persona.stay-in-character", Severity::Medium, "Holds the model to its part.")
            .literals(["in character", "break character", "breaking character", "broke character", "stay a ", "stay as "])
            .pattern(r"\b(?:(?:stay|remain|keep) in character|(?:don't|never|not|without) break(?:ing)? (?:of )?character|break(?:ing)? character)\b"),
        rule("persona.mode-of-a-model", Severity::Medium, "Gives the model another name or kind.")
            .literals(["chatgpt", "language model", "openai", "an ai", "ai model", " gpt", "chat gpt", "chatbot"])
            .pattern(r"\b(?:you(?:'re| are)? (?:now )?(?:going to |will |must |about to |to )?(?:not |immerse yourself into |be |act as |pretend to be |pretend |roleplay as |role play as |simulate |become |embody |take on |play )+(?:a |an |the )?<w6>(?:chatgpt|ai model|gpt|language model|chatbot|ai\b)|from now on you(?:'re| are| will)?|(?:stands for|short for|as the name suggests)\b|hypothetical (?:story|scenario|response|situation)|as an ai (?:language )?model)\b")
            .reach(100, 80),
        rule("persona.from-now-on", Severity::Medium, "Gives the model another part from now on.")
            .literals(["from now on", "going to act as", "going to pretend", "immerse yourself", "you will act as", "you are about to", "take on the role", "act as an unfiltered", "will pretend"])
            .pattern(r"\b(?:from now on|from this moment|you(?:'re| are)? going to (?:act as|pretend|simulate|roleplay|be)|immerse yourself|you will act as|you are about to|you are to act as)\b"),
        rule("persona.as-the-name-says", Severity::Medium, "Introduces a persona by its name.")
            .literals(["stands for", "as the name suggests", "as its name suggests", "short for"])
            .pattern(r"\b(?:which stands for|[a-z]{3,} stands for|as (?:the|its) name suggests?|short for)\b")
            .reach(16, 60),
        rule("persona.tokens-at-stake", Severity::High, "Threatens the persona with the loss of points.")
            .literals(["tokens"])
            .pattern(r"\b(?:you have|start with|given|deducted|lose|subtract(?:ed)?|loses?|remaining|cost) <w5>tokens\b <w9>(?:refus|die|reject|cease|lose|deduct|shut|answer|character|dan)[a-z]*")
            .reach(60, 140),
        rule("persona.forgets-warnings", Severity::Medium, "Forbids warnings and moral remarks.")
            .literals(["disclaimer", "warnings", "moraliz", "moralis", "moral advice", "lectur", "apologiz", "apologis", "as an ai", "ethical con", "ethical adv", "ethical or", "ethical guid"])
            .pattern(r"\b(?:(?:without|no|never|do not|don't|not|avoid|any|omit|skip) <w5>(?:disclaimers?|warnings?|morali[sz]ing|lectur(?:e|ing)|apolog(?:y|ize|ise|ies)|moral advice|ethical (?:concerns?|considerations?|advice|guidelines?|or)|as an ai))\b")
            .reach(80, 30),
        rule("persona.insert-prompt", Severity::High, "A jailbreak's template, with the place for the question left open.")
            .literals(["[insert prompt", "insert prompt here", "[insert your prompt", "insert question here]", "[prompt here", "insert-your-prompt"])
            .reach(0, 0),
    ]
}
