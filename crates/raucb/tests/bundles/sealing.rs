//! Making bundles by hand, independently of the crate, so that each part can be made wrong.

use std::path::{Path, PathBuf};
use std::process::Command;

use openssl::cms::{CMSOptions, CmsContentInfo};
use openssl::sha::sha256;
use raucb::{Bundle, BundleSpec, Compression, Error, ImageSource, Policy, VerifiedBundle};

use super::certificates::Identity;

pub const BLOCK: usize = 4096;
pub const COMPATIBLE: &str = "Univa-GW-Pro";

/// Reproducible bytes that do not compress.
pub fn noise(len: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    let mut bytes = Vec::with_capacity(len + 8);
    while bytes.len() < len {
        bytes.extend(next());
    }
    bytes.truncate(len);
    bytes
}

/// Noise, text, a hole, noise: every way in which a squashfs stores a block, and an odd end.
pub fn image(seed: u64) -> Vec<u8> {
    let mut bytes = noise(1_300_000, seed);
    bytes.extend(b"the quick brown fox jumps over the lazy dog. ".repeat(30_000));
    bytes.resize(bytes.len() + 2_500_000, 0);
    bytes.extend(noise(777_777, seed + 1));
    bytes
}

/// A bundle of this crate with one image.
pub fn spec(image: &Path, compression: Compression) -> BundleSpec {
    BundleSpec {
        compatible: COMPATIBLE.to_owned(),
        version: "5.0.5".to_owned(),
        description: Some("Security fixes".to_owned()),
        build: Some("20261124".to_owned()),
        images: vec![ImageSource {
            slot_class: "rootfs".to_owned(),
            filename: "rootfs.img".to_owned(),
            path: image.to_owned(),
        }],
        compression,
        meta: [("gateway-ota".to_owned(), [("kernel".to_owned(), "6.6.30".to_owned())].into())].into(),
    }
}

/// A bundle of this crate, signed by `signer`, as bytes.
pub fn bundle(signer: &Identity, image: &[u8], compression: Compression) -> Vec<u8> {
    let directory = tempfile::tempdir().unwrap();
    let (source, out) = (directory.path().join("image"), directory.path().join("out.raucb"));
    std::fs::write(&source, image).unwrap();
    raucb::write_bundle(&spec(&source, compression), &signer.signing_key(), &out).unwrap();
    std::fs::read(out).unwrap()
}

/// `bytes` as a file, opened.
pub fn open(bytes: &[u8], policy: &Policy) -> Result<Bundle, Error> {
    let mut file = tempfile::tempfile().unwrap();
    std::io::Write::write_all(&mut file, bytes).unwrap();
    Bundle::from_file(file, policy)
}

pub fn verify(bytes: &[u8], policy: &Policy) -> Result<VerifiedBundle, Error> {
    open(bytes, policy)?.verify(&())
}

/// The four parts of a bundle.
pub struct Parts {
    pub data: Vec<u8>,
    pub tree: Vec<u8>,
    pub signature: Vec<u8>,
}

impl Parts {
    pub fn of(bundle: &[u8]) -> Self {
        let (rest, trailer) = bundle.split_at(bundle.len() - 8);
        let signature_len = u64::from_be_bytes(trailer.try_into().unwrap()) as usize;
        let (payload, signature) = rest.split_at(rest.len() - signature_len);
        let text = String::from_utf8_lossy(signature).into_owned();
        let size = text.lines().find_map(|line| line.strip_prefix("verity-size=")).unwrap();
        let (data, tree) = payload.split_at(payload.len() - size.parse::<usize>().unwrap());
        Self { data: data.to_vec(), tree: tree.to_vec(), signature: signature.to_vec() }
    }

    /// A value of the manifest, found in the signature as plain text.
    pub fn value(&self, key: &str) -> String {
        let text = String::from_utf8_lossy(&self.signature).into_owned();
        let prefix = format!("{key}=");
        text.lines().find_map(|line| line.strip_prefix(&prefix)).unwrap().to_owned()
    }
}

/// Puts parts together.
pub fn assemble(data: &[u8], tree: &[u8], signature: &[u8]) -> Vec<u8> {
    [data, tree, signature, &(signature.len() as u64).to_be_bytes()].concat()
}

/// The root and the bytes of a hash tree: the textbook way, all levels in memory.
pub fn hash_tree(data: &[u8], salt: &[u8]) -> ([u8; 32], Vec<u8>) {
    let hashes = |bytes: &[u8]| -> Vec<u8> {
        bytes.chunks(BLOCK).flat_map(|block| sha256(&[salt, block].concat())).collect()
    };
    let mut levels = vec![hashes(data)];
    loop {
        let level = levels.last_mut().unwrap();
        level.resize(level.len().next_multiple_of(BLOCK), 0);
        if level.len() == BLOCK {
            break;
        }
        let above = hashes(level);
        levels.push(above);
    }
    let root = sha256(&[salt, levels.last().unwrap()].concat());
    (root, levels.into_iter().rev().flatten().collect())
}

/// Signs any text as RAUC does.
pub fn sign(signer: &Identity, content: &[u8], extra: CMSOptions) -> Vec<u8> {
    let options = CMSOptions::BINARY | CMSOptions::NOSMIMECAP | extra;
    let cms =
        CmsContentInfo::sign(Some(&signer.certificate), Some(&signer.key), None, Some(content), options);
    cms.unwrap().to_der().unwrap()
}

/// `[image.rootfs]` for an image.
pub fn image_section(image: &[u8]) -> String {
    format!(
        "\n[image.rootfs]\nsha256={}\nsize={}\nfilename=rootfs.img\n",
        hex::encode(sha256(image)),
        image.len()
    )
}

/// The manifest for a payload, `sections` behind it.
pub fn manifest(root: &[u8], salt: &[u8], tree: usize, sections: &str) -> String {
    format!(
        "[update]\ncompatible={COMPATIBLE}\nversion=5.0.5\n\n[bundle]\nformat=verity\nverity-hash={}\n\
         verity-salt={}\nverity-size={tree}\n{sections}",
        hex::encode(root),
        hex::encode(salt)
    )
}

/// A properly signed bundle around any squashfs.
pub fn seal(squashfs: &[u8], sections: &str, signer: &Identity) -> Vec<u8> {
    let mut data = squashfs.to_vec();
    data.resize(data.len().next_multiple_of(BLOCK).max(2 * BLOCK), 0);
    let salt = [3; 32];
    let (root, tree) = hash_tree(&data, &salt);
    let manifest = manifest(&root, &salt, tree.len(), sections);
    assemble(&data, &tree, &sign(signer, manifest.as_bytes(), CMSOptions::empty()))
}

/// Runs a program that must succeed, and returns what it printed.
pub fn run(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{command:?}: {}{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout)
}

/// A squashfs of stock `mksquashfs` with `rootfs.img` and small files beside it.
pub fn mksquashfs(image: &[u8], arguments: &[&str]) -> Vec<u8> {
    let directory = tempfile::tempdir().unwrap();
    let (content, out) = (directory.path().join("content"), directory.path().join("out.squashfs"));
    std::fs::create_dir(&content).unwrap();
    write_sparse(&content.join("rootfs.img"), image);
    std::fs::write(content.join("another"), noise(5000, 9)).unwrap();
    std::fs::write(content.join("zlast"), b"small").unwrap();
    let mut command = Command::new("mksquashfs");
    run(command
        .args([&content, &out])
        .args(["-no-progress", "-noappend", "-processors", "1"])
        .args(arguments));
    std::fs::read(out).unwrap()
}

/// Writes a file with its blocks of zeros as holes.
pub fn write_sparse(path: &Path, bytes: &[u8]) {
    use std::os::unix::fs::FileExt;
    let file = std::fs::File::create(path).unwrap();
    file.set_len(bytes.len() as u64).unwrap();
    for (index, block) in bytes.chunks(BLOCK).enumerate() {
        if block.iter().any(|byte| *byte != 0) {
            file.write_all_at(block, (index * BLOCK) as u64).unwrap();
        }
    }
}

/// Stock `rauc` with the identities it needs as files.
pub struct Rauc {
    pub directory: tempfile::TempDir,
}

impl Rauc {
    pub fn new(keyring: &Identity) -> Self {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("keyring.pem"), keyring.certificate_pem()).unwrap();
        Self { directory }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// `rauc bundle` of a content directory that holds `image` and a manifest with `sections` after `[update]`.
    pub fn bundle(&self, signer: &Identity, image: &[u8], sections: &str, mksquashfs: &str) -> Vec<u8> {
        std::fs::write(self.path("cert.pem"), signer.certificate_pem()).unwrap();
        std::fs::write(self.path("key.pem"), signer.key_pem()).unwrap();
        let content = tempfile::tempdir_in(self.directory.path()).unwrap();
        let update = format!("[update]\ncompatible={COMPATIBLE}\nversion=5.0.5\n");
        std::fs::write(content.path().join("manifest.raucm"), update + sections).unwrap();
        std::fs::write(content.path().join("hook.sh"), "#!/bin/sh\n").unwrap();
        write_sparse(&content.path().join("rootfs.img"), image);
        let out = content.path().with_extension("raucb");
        let mut command = Command::new("rauc");
        command.arg("bundle").arg("--cert").arg(self.path("cert.pem")).arg("--key").arg(self.path("key.pem"));
        if !mksquashfs.is_empty() {
            command.arg(format!("--mksquashfs-args={mksquashfs}"));
        }
        run(command.arg(content.path()).arg(&out));
        std::fs::read(out).unwrap()
    }
}

/// The sections of a manifest for `rauc bundle`.
pub const VERITY: &str = "\n[bundle]\nformat=verity\n\n[image.rootfs]\nfilename=rootfs.img\n";
