use super::*;

#[test]
fn the_rules_of_the_crate_compile() {
    assert!(RuleSet::builtin().rules().count() > 40);
}
