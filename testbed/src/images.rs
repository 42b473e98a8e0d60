//! Images made from nothing: one small layer, whose text makes the digest the image's own.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::directory::Directory;
use crate::tools;

/// What crane makes.
const MANIFESTS: &str = "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json";

/// An image (or index) that lies in a registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// `HOST/PATH`.
    pub repository: String,
    /// The tag it was pushed as.
    pub tag: String,
    /// `sha256:<hex>` of its manifest.
    pub digest: String,
}

impl Image {
    /// `HOST/PATH:TAG`.
    pub fn by_tag(&self) -> String {
        format!("{}:{}", self.repository, self.tag)
    }

    /// `HOST/PATH@DIGEST`.
    pub fn by_digest(&self) -> String {
        format!("{}@{}", self.repository, self.digest)
    }

    /// `HOST/PATH:TAG@DIGEST`, as a pinned pod has it.
    pub fn pinned(&self) -> String {
        format!("{}:{}@{}", self.repository, self.tag, self.digest)
    }

    /// How many bytes the registry has of its manifest.
    pub fn manifest_size(&self) -> Result<usize> {
        let (host, path) = self.repository.split_once('/').context("a repository without a path")?;
        let url = format!("http://{host}/v2/{path}/manifests/{}", self.digest);
        let mut answer = ureq::get(&url).header("Accept", MANIFESTS).call()?;
        Ok(answer.body_mut().read_to_vec()?.len())
    }
}

/// Makes and copies images with crane.
#[derive(Debug)]
pub struct Images {
    crane: PathBuf,
    directory: Directory,
}

impl Images {
    /// Finds or builds crane.
    pub fn new() -> Result<Self> {
        Ok(Self { crane: tools::CRANE.path()?, directory: Directory::temporary()? })
    }

    /// Makes an image whose only file holds `content`, and pushes it as `HOST/PATH:TAG`.
    pub fn push(&self, reference: &str, content: &str) -> Result<Image> {
        let layer = tempfile::NamedTempFile::with_suffix_in(".tar", self.directory.path())?;
        write_layer(layer.path(), content)?;
        let layer = layer.path().display().to_string();
        self.crane(&["append", "--oci-empty-base", "-f", &layer, "-t", reference])?;
        self.image(reference)
    }

    /// Makes an index of images, one per platform (`linux/amd64`), and pushes it as `HOST/PATH:TAG`.
    pub fn push_index(&self, reference: &str, platforms: &[&str]) -> Result<Image> {
        let mut arguments = vec!["index".to_owned(), "append".to_owned(), "-t".to_owned(), reference.to_owned()];
        for platform in platforms {
            let part = format!("{reference}-{}", platform.replace('/', "-"));
            self.push(&part, &format!("{reference} for {platform}"))?;
            self.crane(&["mutate", "--set-platform", platform, "-t", &part, &part])?;
            arguments.extend(["-m".to_owned(), self.image(&part)?.by_digest()]);
        }
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        self.crane(&arguments)?;
        self.image(reference)
    }

    /// The same config and layers under another manifest, as `HOST/PATH:TAG`.
    pub fn rewrapped(&self, image: &Image, tag: &str) -> Result<Image> {
        let reference = format!("{}:{tag}", image.repository);
        self.crane(&["mutate", "--annotation", "wrapped=again", "-t", &reference, &image.by_digest()])?;
        self.image(&reference)
    }

    /// The digest of an image's config.
    pub fn config_digest(&self, image: &Image) -> Result<String> {
        let manifest: serde_json::Value = serde_json::from_str(&self.crane(&["manifest", &image.by_digest()])?)?;
        Ok(manifest.pointer("/config/digest").and_then(serde_json::Value::as_str).context("an image without a config")?.to_owned())
    }

    /// Makes an index of images of the same repository, and pushes it as `HOST/PATH:TAG`.
    pub fn push_index_of(&self, reference: &str, images: &[Image]) -> Result<Image> {
        let mut arguments: Vec<String> = ["index", "append", "-t", reference].map(str::to_owned).into();
        for image in images {
            arguments.extend(["-m".to_owned(), image.by_digest()]);
        }
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        self.crane(&arguments)?;
        self.image(reference)
    }

    /// Copies manifests and layers, not what refers to them.
    pub fn copy(&self, from: &str, to: &str) -> Result<Image> {
        self.crane(&["copy", from, to])?;
        self.image(to)
    }

    /// Moves or makes a tag beside an image.
    pub fn tag(&self, image: &Image, tag: &str) -> Result<Image> {
        self.crane(&["tag", &image.by_digest(), tag])?;
        Ok(Image { tag: tag.to_owned(), ..image.clone() })
    }

    /// Deletes a manifest from a registry that allows it.
    pub fn delete(&self, image: &Image) -> Result<()> {
        self.crane(&["delete", &image.by_digest()]).map(|_| ())
    }

    /// The digest of what a reference names now.
    pub fn digest(&self, reference: &str) -> Result<String> {
        self.crane(&["digest", reference])
    }

    /// The tags of a repository, `HOST/PATH`.
    pub fn tags(&self, repository: &str) -> Result<Vec<String>> {
        Ok(self.crane(&["ls", repository])?.lines().map(str::to_owned).collect())
    }

    fn image(&self, reference: &str) -> Result<Image> {
        let (repository, tag) = reference.rsplit_once(':').context("a reference without a tag")?;
        let digest = self.digest(reference)?;
        Ok(Image { repository: repository.to_owned(), tag: tag.to_owned(), digest })
    }

    /// Runs crane without anybody's registry credentials and answers what it printed.
    fn crane(&self, arguments: &[&str]) -> Result<String> {
        let mut command = Command::new(&self.crane);
        command.arg("--insecure").args(arguments).env("DOCKER_CONFIG", self.directory.path());
        let output = command.output().with_context(|| format!("cannot start {}", self.crane.display()))?;
        if !output.status.success() {
            bail!("crane {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr).trim_end());
        }
        Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned())
    }
}

fn write_layer(path: &Path, content: &str) -> Result<()> {
    let mut archive = tar::Builder::new(std::fs::File::create(path)?);
    let mut header = tar::Header::new_gnu();
    header.set_size(u64::try_from(content.len())?);
    header.set_mode(0o644);
    archive.append_data(&mut header, "content", content.as_bytes())?;
    Ok(archive.finish()?)
}
