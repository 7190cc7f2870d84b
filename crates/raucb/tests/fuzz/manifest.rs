//! The manifest, as it comes out of a signature.

use raucb::{ErrorKind, Image, Manifest};

/// Reads `bytes` as a manifest.
pub fn manifest(bytes: &[u8]) {
    let manifest = match Manifest::parse(bytes) {
        Ok(manifest) => manifest,
        Err(error) => return assert_eq!(error.kind(), ErrorKind::Malformed, "{error:?}"),
    };
    assert!(held(&manifest) <= bytes.len(), "it says more than was written: {manifest:?}");
    for (index, image) in manifest.images.iter().enumerate() {
        sound(image);
        let same = |other: &Image| (&other.slot_class, &other.variant) == (&image.slot_class, &image.variant);
        assert_eq!(manifest.images.iter().position(same), Some(index), "twice: {manifest:?}");
    }
}

/// What becomes a part of paths and messages is a plain name.
fn sound(image: &Image) {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || letter == '-' || letter == '_';
    assert!(!image.slot_class.is_empty() && image.slot_class.chars().all(plain), "{image:?}");
    let name = &image.filename;
    let is_path = name.contains(['/', '\0']) || name == "." || name == "..";
    assert!(!name.is_empty() && !is_path && !name.contains(char::is_control), "{image:?}");
}

/// Bytes of text that the manifest holds.
fn held(manifest: &Manifest) -> usize {
    let image = |image: &Image| {
        let hooks: usize = image.hooks.iter().map(String::len).sum();
        image.slot_class.len()
            + image.variant.as_ref().map_or(0, String::len)
            + image.filename.len()
            + 2 * image.sha256.len()
            + hooks
    };
    let meta = manifest.meta.iter().flat_map(|(name, keys)| {
        let keys = keys.iter().map(|(key, value)| key.len() + value.len());
        keys.chain([name.len()])
    });
    let texts = [&manifest.description, &manifest.build].into_iter().flatten().map(String::len);
    manifest.images.iter().map(image).chain(meta).chain(texts).sum::<usize>()
        + manifest.compatible.len()
        + manifest.version.len()
}
