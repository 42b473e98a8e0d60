//! Which objects have the outer form of a signature, judged by manifests alone, before their blobs are fetched.
//!
//! Pure: descriptors in, a layer or the reason to pass it over out. Descriptors of a manifest whose digest was checked
//! are what the registry stores; annotations in a list of referrers are not, and are not looked at.

use oci::{Descriptor, Digest};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::candidate::SkipReason;
use crate::limits::OBJECT_BYTES;
use crate::{bundle, json, simple_signing};

/// Annotation with the base64 signature over the layer's blob.
const SIGNATURE: &str = "dev.cosignproject.cosign/signature";

#[derive(Deserialize)]
struct Layers<'a> {
    #[serde(borrow, default)]
    layers: Option<Vec<&'a RawValue>>,
}

/// The parts of a referrer's manifest that are read.
#[derive(Deserialize)]
struct Referrer {
    #[serde(default)]
    subject: Option<Descriptor>,
    #[serde(default)]
    layers: Vec<Descriptor>,
}

/// The layers of a manifest in order, each read by itself: a broken one (`None`) spoils no other.
pub(super) fn read_layers(manifest: &[u8]) -> Option<Vec<Option<Descriptor>>> {
    let Layers { layers } = json::read(manifest)?;
    Some(layers.unwrap_or_default().into_iter().map(|layer| serde_json::from_str(layer.get()).ok()).collect())
}

/// The signature on a layer of the legacy layout.
pub(super) fn layer_signature(layer: &Descriptor) -> Result<&str, SkipReason> {
    if layer.media_type != simple_signing::MEDIA_TYPE {
        return Err(SkipReason::MediaType);
    }
    let signature = layer.annotations.get(SIGNATURE).ok_or(SkipReason::Unsigned)?;
    within_cap(layer)?;
    Ok(signature)
}

/// The bundle in a referrer's manifest; the list that named the referrer is not believed about its subject.
pub(super) fn bundle_layer(image: &Digest, manifest: &[u8]) -> Result<Descriptor, SkipReason> {
    let referrer: Referrer = json::read(manifest).ok_or(SkipReason::MalformedManifest)?;
    if referrer.subject.map(|subject| subject.digest).as_ref() != Some(image) {
        return Err(SkipReason::OtherSubject);
    }
    let [layer] = <[Descriptor; 1]>::try_from(referrer.layers).map_err(|_| SkipReason::MalformedManifest)?;
    if layer.media_type != bundle::MEDIA_TYPE {
        return Err(SkipReason::MediaType);
    }
    within_cap(&layer)?;
    Ok(layer)
}

fn within_cap(layer: &Descriptor) -> Result<(), SkipReason> {
    if layer.size > OBJECT_BYTES as u64 { Err(SkipReason::TooLarge) } else { Ok(()) }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failure here is a failed test")]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::testing::{another_image, evidence, image};

    fn layer(media_type: &str) -> Value {
        json!({"mediaType": media_type, "digest": evidence(), "size": 200, "annotations": {SIGNATURE: "AAAA"}})
    }

    fn signed_layer() -> Descriptor {
        serde_json::from_value(layer(simple_signing::MEDIA_TYPE)).unwrap()
    }

    fn referrer(subject: &Value, layers: &[Value]) -> Result<Descriptor, SkipReason> {
        let manifest = json!({"subject": subject, "layers": layers, "artifactType": bundle::MEDIA_TYPE});
        bundle_layer(&image(), manifest.to_string().as_bytes())
    }

    fn subject(digest: &Digest) -> Value {
        json!({"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": digest, "size": 1})
    }

    #[test]
    fn a_signed_layer_yields_its_signature() {
        assert_eq!(layer_signature(&signed_layer()), Ok("AAAA"));
    }

    #[test]
    fn layers_of_another_type_without_signature_or_too_large_are_passed_over() {
        let mut layer = signed_layer();
        layer.media_type = "application/vnd.dsse.envelope.v1+json".to_owned();
        assert_eq!(layer_signature(&layer), Err(SkipReason::MediaType));
        let mut layer = signed_layer();
        layer.annotations.clear();
        assert_eq!(layer_signature(&layer), Err(SkipReason::Unsigned));
        let mut layer = signed_layer();
        layer.size = OBJECT_BYTES as u64 + 1;
        assert_eq!(layer_signature(&layer), Err(SkipReason::TooLarge));
    }

    #[test]
    fn a_broken_layer_spoils_no_other() {
        let good = layer(simple_signing::MEDIA_TYPE);
        let mut broken = good.clone();
        broken["digest"] = json!("sha512:00");
        let mut odd = good.clone();
        odd["annotations"] = json!({"a": 1});
        let manifest = json!({"layers": [broken, null, odd, good]}).to_string();
        let layers = read_layers(manifest.as_bytes()).unwrap();
        assert_eq!(layers, [None, None, None, Some(signed_layer())]);
        assert_eq!(read_layers(b"{\"layers\": null}"), Some(vec![]));
        assert_eq!(read_layers(b"[]"), None);
    }

    #[test]
    fn a_referrer_of_another_image_is_passed_over_whatever_list_names_it() {
        let bundle = [layer(bundle::MEDIA_TYPE)];
        assert!(referrer(&subject(&image()), &bundle).is_ok());
        assert_eq!(referrer(&subject(&another_image()), &bundle), Err(SkipReason::OtherSubject));
        assert_eq!(referrer(&json!(null), &bundle), Err(SkipReason::OtherSubject));
    }

    #[test]
    fn a_referrer_without_exactly_one_bundle_is_passed_over() {
        let reason = |layers: &[Value]| referrer(&subject(&image()), layers).unwrap_err();
        let bundle = layer(bundle::MEDIA_TYPE);
        let mut large = bundle.clone();
        large["size"] = json!(OBJECT_BYTES + 1);
        assert_eq!(reason(&[]), SkipReason::MalformedManifest);
        assert_eq!(reason(&[bundle.clone(), bundle]), SkipReason::MalformedManifest);
        assert_eq!(reason(&[json!(null)]), SkipReason::MalformedManifest);
        assert_eq!(reason(&[layer("application/spdx+json")]), SkipReason::MediaType);
        assert_eq!(reason(&[large]), SkipReason::TooLarge);
    }
}
