//! The manifest: what a bundle says about itself, and the only thing that is signed directly.

use std::collections::BTreeMap;

use crate::keyfile::{self, Section};
use crate::{Error, Malformed, ManifestError};

/// A manifest as RAUC writes it into the signature of a `verity` bundle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// `[update] compatible`: which hardware the bundle is for.
    pub compatible: String,
    /// `[update] version`; empty where the manifest has none, as RAUC does not demand one.
    pub version: String,
    /// `[update] description`.
    pub description: Option<String>,
    /// `[update] build`.
    pub build: Option<String>,
    /// `[bundle] format`.
    pub bundle_format: BundleFormat,
    /// The hash tree that covers the payload.
    pub verity: Verity,
    /// One entry a section `[image.…]`, ordered by slot class.
    pub images: Vec<Image>,
    /// The sections `[meta.…]`: their keys and values by the name after the dot.
    pub meta: BTreeMap<String, BTreeMap<String, String>>,
    /// Whether there is a section `[hooks]`, or hooks of an image: programs of the bundle that run beside
    /// an installation.
    pub has_hooks: bool,
    /// Whether there is a section `[handler]`: a program of the bundle that replaces the installation.
    pub has_handler: bool,
}

/// The format of a bundle; `plain` and `crypt` exist, and are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum BundleFormat {
    /// squashfs, dm-verity hash tree, signature over the manifest.
    Verity,
}

/// Parameters of the dm-verity hash tree (version 1, SHA-256, blocks of 4096 bytes, no superblock).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verity {
    /// `[bundle] verity-hash`: the root.
    pub root: [u8; 32],
    /// `[bundle] verity-salt`.
    pub salt: [u8; 32],
    /// `[bundle] verity-size`: bytes of the tree.
    pub size: u64,
}

/// One section `[image.<slot class>]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// Slot class, as in `rootfs` of `[image.rootfs]`: ASCII letters, digits, `-` and `_`.
    pub slot_class: String,
    /// Variant of the hardware, as in `a` of `[image.rootfs.a]`.
    pub variant: Option<String>,
    /// Name of the file in the root of the squashfs.
    pub filename: String,
    /// Length in bytes.
    pub size: u64,
    /// SHA-256 of the image.
    pub sha256: [u8; 32],
    /// `hooks` of this image.
    pub hooks: Vec<String>,
}

impl Manifest {
    /// Reads the content of a signature.
    ///
    /// Unknown sections and keys are read past.
    ///
    /// # Errors
    /// [`Error::Malformed`] where something is missing, appears twice or makes no sense, and where the
    /// format is not `verity`.
    pub fn parse(content: &[u8]) -> Result<Self, Error> {
        let text = std::str::from_utf8(content).map_err(|_| ManifestError::NotText)?;
        let sections = keyfile::parse(text)?;
        let update = Reader::open(&sections, "update");
        let bundle = Reader::open(&sections, "bundle");
        let bundle_format = match bundle.get("format") {
            Some("verity") => BundleFormat::Verity,
            None | Some("plain") => return Err(Malformed::Plain.into()),
            Some(other) => return Err(Malformed::Format(other.to_owned()).into()),
        };
        let images = images(&sections)?;
        Ok(Self {
            compatible: update.text("compatible")?,
            version: update.get("version").unwrap_or_default().to_owned(),
            description: update.get("description").map(str::to_owned),
            build: update.get("build").map(str::to_owned),
            bundle_format,
            verity: Verity {
                root: bundle.digest("verity-hash")?,
                salt: bundle.digest("verity-salt")?,
                size: bundle.number("verity-size")?,
            },
            meta: meta(&sections),
            has_hooks: sections.contains_key("hooks") || images.iter().any(|image| !image.hooks.is_empty()),
            has_handler: sections.contains_key("handler"),
            images,
        })
    }

    /// The image for a slot class, the one without a variant.
    #[must_use]
    pub fn image(&self, slot_class: &str) -> Option<&Image> {
        self.images.iter().find(|image| image.slot_class == slot_class && image.variant.is_none())
    }

    /// A value of a section `[meta.…]`.
    #[must_use]
    pub fn meta_value(&self, section: &str, key: &str) -> Option<&str> {
        self.meta.get(section)?.get(key).map(String::as_str)
    }

    /// The text to be signed. Hooks and handlers, which this crate does not write, are not in it.
    pub(crate) fn to_text(&self) -> String {
        let mut text = String::new();
        keyfile::push_section(&mut text, "update");
        keyfile::push_key(&mut text, "compatible", &self.compatible);
        keyfile::push_key(&mut text, "version", &self.version);
        for (key, value) in [("description", &self.description), ("build", &self.build)] {
            if let Some(value) = value {
                keyfile::push_key(&mut text, key, value);
            }
        }
        keyfile::push_section(&mut text, "bundle");
        keyfile::push_key(&mut text, "format", "verity");
        keyfile::push_key(&mut text, "verity-hash", &hex::encode(self.verity.root));
        keyfile::push_key(&mut text, "verity-salt", &hex::encode(self.verity.salt));
        keyfile::push_key(&mut text, "verity-size", &self.verity.size.to_string());
        for image in &self.images {
            keyfile::push_section(&mut text, &format!("image.{}", image.slot_class));
            keyfile::push_key(&mut text, "sha256", &hex::encode(image.sha256));
            keyfile::push_key(&mut text, "size", &image.size.to_string());
            keyfile::push_key(&mut text, "filename", &image.filename);
        }
        for (name, keys) in &self.meta {
            keyfile::push_section(&mut text, &format!("meta.{name}"));
            for (key, value) in keys {
                keyfile::push_key(&mut text, key, value);
            }
        }
        text
    }
}

/// One section while it is read; a missing one has no keys.
struct Reader<'a> {
    name: &'a str,
    keys: Option<&'a Section>,
}

impl<'a> Reader<'a> {
    fn open(sections: &'a BTreeMap<String, Section>, name: &'a str) -> Self {
        Self { name, keys: sections.get(name) }
    }

    fn get(&self, key: &str) -> Option<&'a str> {
        self.keys?.get(key).map(String::as_str)
    }

    fn required(&self, key: &'static str) -> Result<&'a str, ManifestError> {
        self.get(key).ok_or_else(|| ManifestError::Missing { section: self.name.to_owned(), key })
    }

    fn invalid(&self, key: &'static str) -> ManifestError {
        ManifestError::Invalid { section: self.name.to_owned(), key }
    }

    fn text(&self, key: &'static str) -> Result<String, ManifestError> {
        let value = self.required(key)?;
        if value.is_empty() { Err(self.invalid(key)) } else { Ok(value.to_owned()) }
    }

    fn number(&self, key: &'static str) -> Result<u64, ManifestError> {
        let value = self.required(key)?;
        let digits = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| value.parse().ok()).flatten().ok_or_else(|| self.invalid(key))
    }

    fn digest(&self, key: &'static str) -> Result<[u8; 32], ManifestError> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(self.required(key)?, &mut bytes).map_err(|_| self.invalid(key))?;
        Ok(bytes)
    }
}

fn images(sections: &BTreeMap<String, Section>) -> Result<Vec<Image>, ManifestError> {
    sections
        .keys()
        .filter_map(|name| Some((name, name.strip_prefix("image.")?)))
        .map(|(section, target)| image(&Reader::open(sections, section), target))
        .collect()
}

fn image(section: &Reader<'_>, target: &str) -> Result<Image, ManifestError> {
    let (slot_class, variant) = match target.split_once('.') {
        Some((slot_class, variant)) => (slot_class, Some(variant.to_owned())),
        None => (target, None),
    };
    if !is_slot_class(slot_class) {
        return Err(ManifestError::SlotClass(section.name.to_owned()));
    }
    let filename = section.text("filename")?;
    if !is_file_name(&filename) {
        return Err(section.invalid("filename"));
    }
    if !is_raw(&filename, section.get("type")) {
        return Err(ManifestError::NotRaw(filename));
    }
    let hooks = section.get("hooks").unwrap_or_default();
    Ok(Image {
        slot_class: slot_class.to_owned(),
        variant,
        size: section.number("size")?,
        sha256: section.digest("sha256")?,
        hooks: hooks.split(';').filter(|hook| !hook.is_empty()).map(str::to_owned).collect(),
        filename,
    })
}

fn meta(sections: &BTreeMap<String, Section>) -> BTreeMap<String, Section> {
    let named =
        |(name, keys): (&String, &Section)| Some((name.strip_prefix("meta.")?.to_owned(), keys.clone()));
    sections.iter().filter_map(named).collect()
}

/// Slot classes become parts of paths and variables, hence the narrow alphabet.
pub(crate) fn is_slot_class(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

/// A plain name, since images lie in the root of the squashfs.
pub(crate) fn is_file_name(name: &str) -> bool {
    !name.is_empty() && name != "." && name != ".." && !name.contains('/') && !name.contains(char::is_control)
}

/// Whether the file's bytes are those of the slot. RAUC unpacks archives and assembles casync indices; written
/// as they are, they would destroy the slot.
pub(crate) fn is_raw(filename: &str, image_type: Option<&str>) -> bool {
    let archive = |name: &str| {
        [".caibx", ".caidx", ".catar", ".tgz", ".vcdiff"].iter().any(|suffix| name.ends_with(suffix))
            || name.contains(".tar")
    };
    match image_type {
        Some(image_type) => matches!(image_type, "raw" | "ext4" | "vfat" | "squashfs"),
        None => !archive(filename),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HASH: &str = "90da31ddb7df17df606b23f07ef680d36baf10224572e5da4d440f9be873f62d";

    fn text() -> String {
        format!(
            "[update]\ncompatible=Univa-GW-Pro\nversion=5.0.5\n\n[bundle]\nformat=verity\nverity-hash={HASH}\n\
             verity-salt={HASH}\nverity-size=8192\n\n[image.rootfs]\nsha256={HASH}\nsize=9\nfilename=rootfs.img\n\n\
             [image.appfs.v2]\nsha256={HASH}\nsize=7\nfilename=app.ext4\n\n[meta.gateway-ota]\nkernel=6.6.1\n\n\
             [future]\nunknown=1\n"
        )
    }

    fn reason(text: &str) -> Malformed {
        match Manifest::parse(text.as_bytes()).unwrap_err() {
            Error::Malformed(reason) => reason,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn reads_all_of_it() {
        let manifest = Manifest::parse(text().as_bytes()).unwrap();
        assert_eq!(manifest.compatible, "Univa-GW-Pro");
        assert_eq!(manifest.version, "5.0.5");
        assert_eq!(manifest.verity.size, 8192);
        assert_eq!(manifest.image("rootfs").unwrap().size, 9);
        assert_eq!(manifest.image("appfs"), None, "only there as a variant");
        assert_eq!(manifest.images[0].variant.as_deref(), Some("v2"));
        assert_eq!(manifest.meta_value("gateway-ota", "kernel"), Some("6.6.1"));
        assert_eq!(manifest.meta_value("gateway-ota", "other").or(manifest.meta_value("x", "kernel")), None);
        assert!(!manifest.has_hooks && !manifest.has_handler);
    }

    #[test]
    fn gives_back_what_it_wrote() {
        let mut manifest = Manifest::parse(text().as_bytes()).unwrap();
        manifest.images.retain(|image| image.variant.is_none());
        manifest.description = Some(" two\nlines \\ and a leading blank".to_owned());
        assert_eq!(Manifest::parse(manifest.to_text().as_bytes()).unwrap(), manifest);
    }

    #[test]
    fn notices_hooks_and_handlers() {
        let global = text() + "[hooks]\nfilename=hook.sh\nhooks=install-check\n";
        assert!(Manifest::parse(global.as_bytes()).unwrap().has_hooks);
        let own = text().replace("filename=rootfs.img\n", "filename=rootfs.img\nhooks=post-install\n");
        let manifest = Manifest::parse(own.as_bytes()).unwrap();
        assert!(manifest.has_hooks);
        assert_eq!(manifest.image("rootfs").unwrap().hooks, ["post-install"]);
        let handler = text() + "[handler]\nfilename=install.sh\n";
        assert!(Manifest::parse(handler.as_bytes()).unwrap().has_handler);
    }

    #[test]
    fn refuses_other_formats() {
        assert!(matches!(reason(&text().replace("format=verity", "format=plain")), Malformed::Plain));
        assert!(matches!(reason(&text().replace("format=verity\n", "")), Malformed::Plain));
        let crypt = reason(&text().replace("format=verity", "format=crypt"));
        assert!(matches!(crypt, Malformed::Format(format) if format == "crypt"));
    }

    #[test]
    fn refuses_values_that_make_no_sense() {
        for (from, to) in [
            ("verity-size=8192", "verity-size=-1"),
            ("size=9", "size=+9"),
            ("size=9", "size=99999999999999999999"),
            ("filename=rootfs.img", "filename=../rootfs.img"),
            ("filename=rootfs.img", "filename=.."),
            ("filename=rootfs.img", "filename=rootfs.img.caibx"),
            ("filename=rootfs.img", "filename=rootfs.tar.xz"),
            ("filename=rootfs.img", "filename=rootfs.img\ntype=tar"),
            ("[image.rootfs]", "[image.root fs]"),
            ("[image.rootfs]", "[image.rootfs/artifact]"),
            ("compatible=Univa-GW-Pro", "compatible="),
            ("compatible=Univa-GW-Pro\n", ""),
            ("verity-salt=90", "verity-salt="),
        ] {
            assert!(text().contains(from), "{from}");
            let broken = text().replace(from, to);
            assert!(matches!(reason(&broken), Malformed::Manifest(_)), "{to}");
        }
        assert!(Manifest::parse(b"[update]\ncompatible=\xff\n").is_err());
    }

    proptest! {
        #[test]
        fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = Manifest::parse(&bytes);
        }

        #[test]
        fn never_panics_on_a_damaged_one(at in 0..500_usize, byte in any::<u8>()) {
            let mut bytes = text().into_bytes();
            let at = at % bytes.len();
            bytes[at] = byte;
            let _ = Manifest::parse(&bytes);
        }
    }
}
