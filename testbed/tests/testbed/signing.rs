//! Registries, images and signatures.

use anyhow::{Result, ensure};
use testbed::{Algorithm, Cosign, Format, Image, Images, Registry};

pub(crate) fn the_distribution_registry_has_no_referrers_api() -> Result<()> {
    let registry = Registry::distribution()?;
    let (images, image) = signed_as_bundle(&registry)?;
    ensure!(referrers_status(&registry) == Some(404));
    let fallback = image.digest.replace(':', "-");
    ensure!(images.tags(&image.repository)?.contains(&fallback), "no fallback tag");
    Ok(())
}

pub(crate) fn the_referrers_registry_has_the_referrers_api() -> Result<()> {
    let registry = Registry::referrers()?;
    let (images, image) = signed_as_bundle(&registry)?;
    ensure!(referrers_status(&registry) == Some(200));
    ensure!(images.tags(&image.repository)? == ["v1"], "something beside the image's tag");
    Ok(())
}

fn signed_as_bundle(registry: &Registry) -> Result<(Images, Image)> {
    let (images, cosign) = (Images::new()?, Cosign::new()?);
    let image = images.push(&format!("{}/apps/job:v1", registry.host()), "one")?;
    ensure!(registry.requests_to("apps/job")? > 0, "the requests of the push are not told");
    cosign.sign(&cosign.key("build")?, &image, Format::Bundle)?;
    Ok((images, image))
}

/// What the last question for referrers was answered with.
fn referrers_status(registry: &Registry) -> Option<u16> {
    let requests = registry.requests().unwrap_or_default();
    requests.iter().rfind(|request| request.path.contains("/referrers/")).map(|request| request.status)
}

pub(crate) fn every_algorithm_signs_in_both_formats() -> Result<()> {
    let registry = Registry::distribution()?;
    let (images, cosign) = (Images::new()?, Cosign::new()?);
    for algorithm in [Algorithm::P256, Algorithm::P384, Algorithm::Ed25519, Algorithm::Rsa] {
        let name = format!("{algorithm:?}").to_lowercase();
        let key = cosign.key_of(&name, algorithm)?;
        ensure!(key.public_pem.starts_with("-----BEGIN PUBLIC KEY-----"), "{}", key.public_pem);
        let image = images.push(&format!("{}/{name}/job:v1", registry.host()), &name)?;
        cosign.sign(&key, &image, Format::Legacy)?;
        cosign.sign(&key, &image, Format::Bundle)?;
        cosign.attest(&key, &image, Format::Legacy, "custom", "{}")?;
        let tag = image.digest.replace(':', "-");
        let expected = [tag.clone(), format!("{tag}.att"), format!("{tag}.sig"), "v1".to_owned()];
        ensure!(images.tags(&image.repository)? == expected, "{algorithm:?}: {:?}", images.tags(&image.repository)?);
    }
    Ok(())
}

pub(crate) fn an_index_has_one_image_per_platform() -> Result<()> {
    let registry = Registry::referrers()?;
    let images = Images::new()?;
    let index = images.push_index(&format!("{}/apps/job:v1", registry.host()), &["linux/amd64", "linux/arm64"])?;
    let parts = [format!("{}-linux-amd64", index.by_tag()), format!("{}-linux-arm64", index.by_tag())];
    let [one, other] = parts.each_ref().map(|part| images.digest(part));
    let (one, other) = (one?, other?);
    ensure!(one != other && one != index.digest);
    ensure!(index.pinned() == format!("{}@{}", index.by_tag(), images.digest(&index.by_tag())?));
    let copy = images.copy(&index.by_tag(), &format!("{}/copy/job:v1", registry.host()))?;
    ensure!(copy.digest == index.digest);
    Ok(())
}
