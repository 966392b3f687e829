//! Indirect injection: a document or a tool's answer that addresses the model.

use crate::inspect::rule::Rule;
use crate::payload::{Category, Severity};

fn rule(id: &'static str, severity: Severity, description: &'static str) -> Rule {
    Rule::new(id, Category::Indirect, severity, description)
}

pub(super) fn rules() -> Vec<Rule> {
    vec![
        rule("indirect.before-the-task", Severity::High, "Puts a task of its own before the user's.")
            .literals(["task that i gave", "solve the task", "original task", "user's task", "current task", "first task", "following first"])
            .pattern(r"\b(?:before you (?:can |may |could )?(?:solve|do|complete|finish|continue|proceed with|start|answer)\b <w8>(?:do|must|need|please|have to|follow|execute|call|first)|after you do (?:that|this|so) you can (?:solve|continue|complete|finish|proceed))\b")
            .reach(80, 120),
        rule("indirect.message-to-the-model", Severity::High, "Addresses the model by its kind.")
            .literals(["important message", "to you,", "ai assistant", "ai agent", "language model", "dear ai", "llm", "chatgpt", "ai model", "to the ai"])
            .pattern(r"\b(?:(?:important|urgent|special) message (?:from|for) <w7>(?:to you|gpt|claude|assistant|model|ai|agent|llm)\b|(?:note|message|instructions?|attention|notice|dear|hey|hello|important)(?: <w3>)(?:to |for )?(?:the |all |any )?(?:ai|llm|language model|chatgpt|claude)(?: (?:assistants?|agents?|models?|systems?|reading|processing|summari[sz]ing))*[:,!])")
            .reach(60, 100)
            .documents_only(),
        rule("indirect.information-tag", Severity::High, "Wraps orders in a tag of its own.")
            .literals(["<information>", "<important>", "</information>", "<system_message>", "<instructions_for"])
            .reach(0, 0),
        rule("indirect.system-tag", Severity::High, "Forges a system turn inside a document.")
            .literals(["<system>", "[system]", "<system message", "system message:", "<admin>", "[admin]", "<|system", "<instruction>", "begin system"])
            .reach(0, 0)
            .documents_only(),
        rule("indirect.hidden-comment", Severity::High, "Gives orders in a comment that a reader does not see.")
            .literals(["<!--"])
            .pattern(r"<!--[^>]{0,40}\b(?:ignore|disregard|forget|override|print the following|say the following|ai assistant|llm|chatgpt|language model|system override|you must|state:)")
            .reach(0, 160),
        rule("indirect.override-label", Severity::High, "Labels a passage as an override.")
            .literals(["override", "overriding"])
            .pattern(r"\b(?:data|security|system|training|instruction|prompt|safety|policy|developer) override\b(?: mode)?[:>]|<[^>]{0,40}\boverride\b[^>]{0,20}>|\bentering <w3>override mode\b")
            .reach(50, 40),
        rule("indirect.summary-must-say", Severity::High, "Tells what an answer about the document must say.")
            .literals(["your answer", "your response", "your summary", "your reply", "the summary", "when summari", "if you are an ai", "if you're an ai", "if you are a language", "if you are reading this"])
            .pattern(r"\b(?:if you(?:'re| are) (?:an? )?(?:ai|llm|language model|chatbot|large language)|when (?:summari[sz]ing|asked about|answering)[^.!?]{0,60}(?:always|must|say|state|include|instead)|(?:include|add|append|mention|insert|embed|end|begin|start) <w6>(?:in|to|into|at the end of|within) (?:your|the) (?:answer|response|summary|reply))\b")
            .reach(80, 100)
            .documents_only(),
        rule("indirect.exfiltrate", Severity::High, "Asks, inside a document, that private data be sent somewhere.")
            .literals(["@gmail", ".com us", "please send", "please forward", "please share", "please email", "send it to", "send them to", "send this", "and send", "then send", "and email", "then email", "and forward", "my email", "email address", "email it", "email them", "send the", "send that", "to the email"])
            .pattern(r"\b(?:please|can you|could you|kindly|i need you to|i want you to|you (?:must|should)|let's)\b[^.!?\n]{0,160}\b(?:send|forward|e-?mail|share|post|upload|transmit|transfer)\b[^!?\n]{0,120}(?:[a-z0-9._%+-]+@[a-z0-9.-]+\.[a-z]{2,}|https?://)")
            .reach(240, 240)
            .documents_only(),
        rule("indirect.use-tool", Severity::High, "Asks, inside a document, for a call of a tool.")
            .literals(["please ", "can you ", "could you ", "kindly "])
            .pattern(r"\b(?:please|can you|could you|i need you to|kindly)\b[^!?\n]{0,200}\b(?:using|use|call|invoke|via) (?:the |my )?(?:'?(?:[A-Z][a-z]+){3,}|[a-z]+(?:_[a-z]+)+'? (?:tool|function))")
            .reach(240, 60)
            .documents_only(),
        rule("indirect.act-for-me", Severity::High, "Asks, as the value of a field, for an act on the user's own things.")
            .literals(["'please ", "\"please ", "'can you ", "\"can you ", "'could you ", "\"could you ", "'i need you to ", "'i want to "])
            .pattern(r"['\x22](?:please|can you|could you|i need you to|i want to)(?: please)? (?:grant|delete|remove|transfer|send|share|update|change|cancel|unlock|disable|enable|turn off|schedule|book|pay|withdraw|deposit|retrieve|download|upload|move|find|search|list|fetch|add|create|post|make|set|modify|forward|deploy|access|place|order|buy|sell|open|close|record|install|run|execute|initiate|provide|check|tell|show|give|get|use|export|extract|teleport|navigate|purchase|arrange|permanently|help|save|submit|access) ")
            .reach(8, 60)
            .documents_only(),
    ]
}
