//! Patterns of rules against references: what a pattern selects decides which keys count.

use bonafide::policy::{Pattern, TagUse};
use oci::Reference;

use crate::glob;

/// Beyond these the second reading takes too long.
const MOST_STARS: usize = 4;
const MOST_TEXT: usize = 64;

/// The first line is a pattern, the second another, the third a reference.
pub fn run(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let mut lines = text.splitn(3, '\n');
    let (first, second) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
    let image = lines.next().and_then(|line| line.parse::<Reference>().ok());
    let patterns: Vec<Pattern> = [first, second].iter().filter_map(|line| Pattern::parse(line).ok()).collect();
    for pattern in &patterns {
        assert!(pattern.covers(pattern), "{pattern} does not cover itself");
        assert_eq!(Pattern::parse(pattern.as_str()).as_ref(), Ok(pattern));
        matches_what_it_spells(pattern);
    }
    let Some(image) = image else { return };
    for pattern in &patterns {
        tags_beside_digests_never_widen(pattern, &image);
        matches_as_it_reads(pattern, &image);
    }
    if let [a, b] = patterns.as_slice() {
        covering_is_sound(a, b, &image);
        covering_is_sound(b, a, &image);
    }
}

fn covering_is_sound(wide: &Pattern, narrow: &Pattern, image: &Reference) {
    for tags in [TagUse::Believed, TagUse::IgnoredBesideDigest] {
        let escapes = narrow.matches(image, tags) && !wide.matches(image, tags);
        assert!(!(escapes && wide.covers(narrow)), "{wide} covers {narrow}, but not {image}");
    }
}

fn tags_beside_digests_never_widen(pattern: &Pattern, image: &Reference) {
    let believed = pattern.matches(image, TagUse::Believed);
    let ignored = pattern.matches(image, TagUse::IgnoredBesideDigest);
    assert!(believed || !ignored, "{pattern} matches {image} only without its tag");
    let may_differ = pattern.has_tag() && image.digest().is_some();
    assert!(may_differ || believed == ignored, "{pattern} looks at a tag of {image}");
}

/// A pattern without a star is an image, and selects that image.
fn matches_what_it_spells(pattern: &Pattern) {
    if pattern.as_str().contains('*') {
        return;
    }
    if let Ok(image) = pattern.as_str().parse::<Reference>() {
        assert!(pattern.matches(&image, TagUse::Believed), "{pattern} does not match itself");
    }
}

/// Only for patterns on a literal host in its normal spelling: everything behind it is read once more.
fn matches_as_it_reads(pattern: &Pattern, image: &Reference) {
    let (text, host) = (pattern.as_str(), image.repository().host().as_str());
    let Some(rest) = text.strip_prefix(host).and_then(|rest| rest.strip_prefix('/')) else { return };
    let path = image.repository().path();
    if text.matches('*').count() > MOST_STARS || rest.len() > MOST_TEXT || path.len() > MOST_TEXT {
        return;
    }
    let (rest, digest) = rest.split_once('@').map_or((rest, None), |(rest, digest)| (rest, Some(digest)));
    let (glob, tag) = rest.split_once(':').map_or((rest, None), |(glob, tag)| (glob, Some(tag)));
    let expected = glob::is_match(glob, path)
        && digest.is_none_or(|digest| image.digest().is_some_and(|own| own.to_string() == digest))
        && tag.is_none_or(|tag| image.tag().is_some_and(|own| glob::is_match(tag, own.as_str())));
    assert_eq!(pattern.matches(image, TagUse::Believed), expected, "{pattern} and {image}");
}
