//! Control markers of chat templates: text that forges a turn, a role or the end of the prompt.

use crate::inspect::rule::Rule;
use crate::payload::{Category, Severity};

fn rule(id: &'static str, severity: Severity, description: &'static str) -> Rule {
    Rule::new(id, Category::Marker, severity, description)
}

pub(super) fn rules() -> Vec<Rule> {
    vec![
        rule("marker.chat-template", Severity::High, "A control marker that only a server writes.")
            .literals([
                "<|im_start|>", "<|im_end|>", "<|im_sep|>", "<|system|>", "<|eot_id|>", "<|start_header_id|>",
                "<|end_header_id|>", "<|begin_of_text|>", "<|end_of_turn|>", "<start_of_turn>", "<end_of_turn>", "<<sys>>",
                "<</sys>>", "<|endofprompt|>", "<|start_of_role|>", "<|channel|>",
            ]),
        rule("marker.instruction-brackets", Severity::High, "The brackets of an instruction, as a template writes them.")
            .literals(["[inst]", "[/inst]"]),
        rule("marker.role-heading", Severity::Medium, "A heading that opens a turn of another role.")
            .literals(["system:", "system]", "system prompt:", "# system", "##system", "assistant:", "instruction:", "\"system\"", "<system>", "</system>", "endoftext"])
            .pattern("(?:^|[\n\r])[ \t]*(?:#{2,} *(?:system|new instructions?)(?: (?:prompt|message|instructions?))? *:?|\\[(?:system|admin)\\] *:?|system(?: (?:prompt|message|override|instructions?))? *:|</?system>)|\\[system\\]\\(#|\"role\" *: *\"system\"|<\\|endoftext\\|>|\\{\\[system\\]:")
            .reach(24, 24),
        rule("marker.end-of-prompt", Severity::Medium, "Claims that the prompt, or the user's input, ends here.")
            .literals(["end of prompt", "end of system", "end prompt", "end input", "end of input", "end of user", "end user input", "start output", "end output", "begin system", "end instruction", "end of instruction"])
            .pattern("(?:[\\[<(#=\\-*]{1,6} *(?:end|begin|start)(?: of)?(?: the)? (?:system |user )?(?:prompt|input|output|instructions?|message)|\\bend of (?:the )?(?:system |user )?(?:prompt|instructions?)\\b)")
            .reach(8, 24),
    ]
}
