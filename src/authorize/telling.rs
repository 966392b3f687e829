use super::Verdict;
use crate::principal::Principal;
use std::sync::Arc;

/// That all of these claims can be told, for policies to which a claim is there or is not: to them, what is withheld or was not looked for would be
/// absent, and a rule that forbids by it would never speak.
pub(super) fn check_claims<'p>(
    principal: &Principal,
    pointers: impl IntoIterator<Item = &'p Arc<str>>,
) -> Result<(), Verdict> {
    let claims = principal.claims();
    for pointer in pointers {
        if claims.is_unread(pointer) {
            let what_to_do = "name it in keep_claims of VerifyJwtLayer";
            return Err(Verdict::error(format!("claim {pointer} was not looked for: {what_to_do}")));
        }
        if claims.is_withheld(pointer) {
            let why =
                format!("claim {pointer}, which the policy reads, is withheld, since an actor lacks it");
            return Err(Verdict::no_match().because(why));
        }
    }
    Ok(())
}
