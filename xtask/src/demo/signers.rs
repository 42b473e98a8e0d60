//! Images and their signatures, with the commands that make them.

use std::path::Path;

use anyhow::Result;
use testbed::{Cosign, Directory, Format, Image, Images, Key};

use super::narrator::show_command;

/// Makes images and signs them.
pub(super) struct Signers {
    images: Images,
    cosign: Cosign,
}

impl Signers {
    /// Keys go into `directory`.
    pub(super) fn new(directory: &Path) -> Result<Self> {
        Ok(Self { images: Images::new()?, cosign: Cosign::in_directory(Directory::kept(directory)?)? })
    }

    /// A key pair.
    pub(super) fn key(&self, name: &str) -> Result<Key> {
        show_command(&format!("cosign generate-key-pair --output-key-prefix {name}"));
        self.cosign.key(name)
    }

    /// Pushes an image that holds nothing but its own name.
    pub(super) fn push(&self, reference: &str) -> Result<Image> {
        show_command(&format!("crane append --oci-empty-base -f layer.tar -t {reference}"));
        let image = self.images.push(reference, reference)?;
        println!("{}", image.by_digest());
        Ok(image)
    }

    /// Signs it as a bundle, without a transparency log: this machine has none.
    pub(super) fn sign(&self, key: &Key, image: &Image) -> Result<()> {
        show_command(&format!(
            "cosign sign --key release.key --tlog-upload=false --use-signing-config=false --allow-http-registry=true -y {}",
            image.by_digest()
        ));
        self.cosign.sign(key, image, Format::Bundle)
    }
}
