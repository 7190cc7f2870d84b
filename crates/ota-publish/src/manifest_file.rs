//! The manifest that an image builder writes: the input of `rauc bundle`, an INI file (RAUC reference, "Manifest").

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What is taken from the file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ManifestFile {
    pub compatible: Option<String>,
    pub version: Option<String>,
    pub description: Option<String>,
    pub build: Option<String>,
    /// File of each slot class, relative to the manifest's directory.
    pub images: BTreeMap<String, PathBuf>,
    /// The keys of each `[meta.…]`.
    pub meta: BTreeMap<String, BTreeMap<String, String>>,
}

/// A manifest that cannot be used.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ManifestFileError {
    #[error("line {line} is no section, no key=value and no comment")]
    Syntax { line: usize },
    #[error("line {line}: {key} is given twice")]
    Duplicate { line: usize, key: String },
    #[error(
        "line {line}: a bundle with [{section}] would run its own programs on the gateway; this one is not made"
    )]
    Hooks { line: usize, section: String },
    #[error("line {line}: the bundle format \"{format}\" is not made, only verity")]
    Format { line: usize, format: String },
    #[error("line {line}: \"{filename}\" must be a plain name or a path below the manifest's directory")]
    Filename { line: usize, filename: String },
}

impl ManifestFile {
    /// Reads the text of a manifest. Sections that only gateways look at are passed over.
    ///
    /// # Errors
    /// [`ManifestFileError`] names the line.
    pub fn parse(text: &str) -> Result<Self, ManifestFileError> {
        let mut manifest = Self::default();
        let mut section = String::new();
        for (line, content) in text.lines().enumerate().map(|(index, line)| (index + 1, line.trim())) {
            if content.is_empty() || content.starts_with('#') {
                continue;
            }
            if let Some(name) = content.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
                if name == "hooks" || name == "handler" {
                    return Err(ManifestFileError::Hooks { line, section: name.to_owned() });
                }
                section = name.to_owned();
                continue;
            }
            let Some((key, value)) = content.split_once('=').filter(|_| !section.is_empty()) else {
                return Err(ManifestFileError::Syntax { line });
            };
            manifest.take(line, &section, key.trim_end(), value.trim_start())?;
        }
        Ok(manifest)
    }

    fn take(&mut self, line: usize, section: &str, key: &str, value: &str) -> Result<(), ManifestFileError> {
        let value = value.to_owned();
        let taken = match (section, key) {
            ("update", "compatible") => self.compatible.replace(value).is_some(),
            ("update", "version") => self.version.replace(value).is_some(),
            ("update", "description") => self.description.replace(value).is_some(),
            ("update", "build") => self.build.replace(value).is_some(),
            ("bundle", "format") if value != "verity" => {
                return Err(ManifestFileError::Format { line, format: value });
            }
            _ => self.take_listed(line, section, key, value)?,
        };
        if taken {
            return Err(ManifestFileError::Duplicate { line, key: key.to_owned() });
        }
        Ok(())
    }

    fn take_listed(
        &mut self,
        line: usize,
        section: &str,
        key: &str,
        value: String,
    ) -> Result<bool, ManifestFileError> {
        if let Some(class) = section.strip_prefix("image.") {
            return match key {
                "filename" if below(Path::new(&value)) => {
                    Ok(self.images.insert(class.to_owned(), PathBuf::from(value)).is_some())
                }
                "filename" => Err(ManifestFileError::Filename { line, filename: value }),
                "hooks" => Err(ManifestFileError::Hooks { line, section: section.to_owned() }),
                // Size and hash are taken from the file itself.
                _ => Ok(false),
            };
        }
        if let Some(name) = section.strip_prefix("meta.") {
            return Ok(self.meta.entry(name.to_owned()).or_default().insert(key.to_owned(), value).is_some());
        }
        Ok(false)
    }
}

fn below(path: &Path) -> bool {
    !path.as_os_str().is_empty()
        && path.components().all(|component| matches!(component, std::path::Component::Normal(_)))
}

#[cfg(test)]
mod tests {
    use super::{ManifestFile, ManifestFileError};
    use std::path::Path;

    #[test]
    fn a_manifest_of_an_image_builder_is_read() {
        let manifest = ManifestFile::parse(
            "# made by the build\n[update]\ncompatible=Univa-GW-Pro\nversion = v5.0.5\n\n[bundle]\nformat=verity\n\
             [image.rootfs]\nfilename=rootfs.img\nsize=12\n[meta.gateway-ota]\nkernel=6.1.34-LTS\n[future]\nx=y\n",
        )
        .unwrap();
        assert_eq!(manifest.compatible.as_deref(), Some("Univa-GW-Pro"));
        assert_eq!(manifest.version.as_deref(), Some("v5.0.5"));
        assert_eq!(manifest.images.get("rootfs").unwrap(), Path::new("rootfs.img"));
        assert_eq!(manifest.meta["gateway-ota"]["kernel"], "6.1.34-LTS");
    }

    #[test]
    fn what_cannot_be_made_is_refused_with_its_line() {
        use ManifestFileError::{Duplicate, Filename, Format, Hooks, Syntax};
        for (text, expected) in [
            ("compatible=x", Syntax { line: 1 }),
            ("[update]\ncompatible", Syntax { line: 2 }),
            ("[update]\nversion=1\nversion=2", Duplicate { line: 3, key: "version".to_owned() }),
            ("[hooks]\nfilename=hook.sh", Hooks { line: 1, section: "hooks".to_owned() }),
            ("[image.rootfs]\nhooks=install", Hooks { line: 2, section: "image.rootfs".to_owned() }),
            ("[bundle]\nformat=plain", Format { line: 2, format: "plain".to_owned() }),
            ("[image.rootfs]\nfilename=../x", Filename { line: 2, filename: "../x".to_owned() }),
        ] {
            assert_eq!(ManifestFile::parse(text).unwrap_err(), expected);
        }
    }
}
