#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use super::*;

fn names(list: &[&str]) -> Vec<ObjectName> {
    list.iter().map(|name| ObjectName::new("shop", *name)).collect()
}

#[test]
fn a_secret_name_reaches_no_other_path_of_the_api() {
    let written = ["regcred", "", "..", "../../pods", "other/regcred", "a?watch=1", "a%2fb", "regcred", "b.c"].map(str::to_owned);
    assert_eq!(secret_names("shop", written.iter()), names(&["regcred", "b.c"]));
}
