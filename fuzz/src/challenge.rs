//! `WWW-Authenticate` headers: who is asked for a token.

use oci::fuzzing;

/// Each line of the text is one line of the header.
pub fn run(bytes: &[u8]) {
    let lines = || bytes.split(|byte| *byte == b'\n');
    let Some((realm, service)) = fuzzing::challenge(lines()) else { return };
    assert!(realm.is_some() || service.is_none(), "a service without a realm");
    // What was read must have been written: no realm comes out of two lines.
    let alone: Vec<_> = lines().filter_map(|line| fuzzing::challenge([line])).collect();
    assert!(alone.contains(&(realm, service)), "a challenge that no line holds");
}
